import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  authenticate,
  bearer,
  call,
  databases,
  deployOn,
  forgetKeptAnswers,
  forgetTries,
  newTokens,
} from '#support/api-requests.ts'
import { readLog, withoutReading } from '#support/authentication-log.ts'
import { Browser } from '#support/browser.ts'
import { clientToken, logEntries } from '#support/credential-requests.ts'
import { basic, confidentialClient, type Gatehouse, redirectUri, serviceAccount } from '#support/gatehouse.ts'
import { createKey, type SignedIn, signInTo, waysToPresent } from '#support/keys.ts'
import { beginSignIn, enterPassword, signIn } from '#support/relying-party.ts'
import { allAtOnce, type Deployment, postForm, requestToken } from '#support/wire.ts'

describe.each(databases)('the authentication log on %s has one entry for', (database) => {
  let deployment: Deployment
  let gatehouse: Gatehouse
  let grace: SignedIn
  beforeAll(async () => {
    deployment = await deployOn(database)
    gatehouse = deployment.gatehouse
    grace = await signInTo(gatehouse, 'globex', 'grace@globex.test')
  })
  afterAll(() => deployment.stop())

  let before: number
  beforeEach(async () => {
    before = (await logEntries(gatehouse)).length
  })
  /** What has been logged since the test began, oldest first. */
  const logged = async () => (await logEntries(gatehouse)).slice(before)
  const graces = { userEmail: 'grace@globex.test', userId: expect.stringMatching(/^usr_/) }

  // S1-18, S1-19
  test('every presentation of an API key, wherever it stands, told by the API', async () => {
    const key = await createKey(gatehouse, grace, { name: 'Nightly export' })
    before = (await logEntries(gatehouse)).length
    for (const [, headers, query] of waysToPresent) {
      await call(gatehouse, `/v1/me${query(key.key)}`, { headers: { ...headers(key.key), 'user-agent': 'curl/8' } })
    }
    await gatehouse.introspect(key.key, { ip: '192.0.2.1', user_agent: 'curl/8', method: 'GET', path: '/items' })
    const entries = withoutReading(await readLog(gatehouse, grace, { api_key: key.id })).toReversed()
    expect(entries).toHaveLength(waysToPresent.length + 1)
    expect(entries.map(({ via }) => via)).toEqual([...waysToPresent.map(([via]) => via), 'introspection'])
    for (const entry of entries) {
      expect(entry).toMatchObject({
        outcome: 'accepted',
        reason: null,
        credential: { id: key.id, kind: 'api_key', name: 'Nightly export' },
        user: { id: graces.userId, email: 'grace@globex.test' },
        organization: { id: expect.any(String), slug: 'globex', name: 'Globex' },
        user_agent: 'curl/8',
      })
    }
    expect(entries[0]).toMatchObject({ ip: '127.0.0.1', method: 'GET', path: '/v1/me', resource_server: null })
    expect(entries.at(-1)).toMatchObject({ ip: '192.0.2.1', path: '/items', resource_server: 'inventory-api' })
    expect(JSON.stringify(await logEntries(gatehouse))).not.toContain(key.key)
  })

  // S1-21
  test('reading it, by the credential that reads', async () => {
    const key = await createKey(gatehouse, grace)
    const reader = { token: key.key, headers: { 'x-api-key': key.key } }
    await readLog(gatehouse, reader)
    const [newest] = await readLog(gatehouse, reader)
    expect(newest).toMatchObject({ credential: { id: key.id }, via: 'x-api-key', path: '/v1/authentication-log' })
  })

  test('each of 400 simultaneous uses, on every node', async () => {
    const { access } = await newTokens(gatehouse)
    before = (await logEntries(gatehouse)).length
    await allAtOnce(400, deployment.ports, (port) => call(gatehouse, '/v1/me', { ...bearer(access), port }))
    expect(await logged()).toHaveLength(400)
  })

  test('a code: redeemed, presented again, presented by somebody else, unknown', async () => {
    const code = async () => {
      const flow = await beginSignIn(gatehouse.url, { browser })
      return {
        grant_type: 'authorization_code',
        code: new URL(flow.browser.page.url).searchParams.get('code')!,
        code_verifier: flow.codeVerifier,
        redirect_uri: redirectUri,
      }
    }
    const { browser } = await signIn(gatehouse.url, { email: 'grace@globex.test' })
    const [first, second] = [await code(), await code()]
    before = (await logEntries(gatehouse)).length
    await requestToken(gatehouse, first)
    await requestToken(gatehouse, first)
    await requestToken(gatehouse, second, { as: confidentialClient })
    await requestToken(gatehouse, { ...second, code_verifier: 'x'.repeat(43) })
    await requestToken(gatehouse, { ...second, code: 'x'.repeat(43) })
    const known = {
      ...graces,
      credentialKind: 'authorization_code',
      via: 'token',
      path: '/oauth/token',
      clientId: 'console',
    }
    expect(await logged()).toMatchObject([
      { ...known, outcome: 'accepted', reason: null },
      { ...known, outcome: 'refused', reason: 'reused' },
      { ...known, outcome: 'refused', reason: 'foreign_client' },
      { ...known, outcome: 'refused', reason: 'invalid_grant' },
      { outcome: 'refused', reason: 'unknown', userId: null, organizationId: null },
    ])
  })

  test('a refresh at the token endpoint: renewed, repeated, reused, revoked, expired, unknown, of another client', async () => {
    const newToken = async () => (await signIn(gatehouse.url, { browser })).tokens.refresh_token!
    const { browser } = await signIn(gatehouse.url, { email: 'grace@globex.test' })
    const [token, other, expiring] = [await newToken(), await newToken(), await newToken()]
    const refresh = (value: string, as?: typeof confidentialClient) =>
      requestToken(gatehouse, { grant_type: 'refresh_token', refresh_token: value }, { ...(as && { as }) })
    before = (await logEntries(gatehouse)).length
    await refresh(token)
    await refresh(token)
    await forgetKeptAnswers(gatehouse)
    await refresh(token)
    await refresh(other, confidentialClient)
    await postForm(gatehouse, '/oauth/revoke', { token: other, client_id: 'console' })
    await refresh(other)
    const { database } = gatehouse
    const hash = (await logged())[3]!.credentialId
    expect(hash).toMatch(/^tok_/)
    await database.pool.query({
      text: "update credentials set expires_at = now() - interval '1 s', payload = jsonb_set(payload, '{exp}', '1') where kind = 'refresh_token' and revoked_at is null and spent_at is null",
    })
    await refresh(expiring)
    await refresh('x'.repeat(43))
    const known = { ...graces, credentialKind: 'refresh_token', via: 'token', clientId: 'console', ip: '127.0.0.1' }
    expect(await logged()).toMatchObject([
      { ...known, outcome: 'accepted' },
      { ...known, outcome: 'accepted' },
      { ...known, outcome: 'refused', reason: 'reused' },
      { ...known, outcome: 'refused', reason: 'foreign_client' },
      { ...known, outcome: 'refused', reason: 'revoked' },
      { ...known, outcome: 'refused', reason: 'expired' },
      { outcome: 'refused', reason: 'unknown', credentialKind: 'unknown', userId: null, organizationId: null },
    ])
    expect(new Set((await logged()).map(({ organizationId }) => organizationId)).size).toBe(2)
  })

  test('a device code, not for asking whether it is time', async () => {
    const { json } = await postForm(gatehouse, '/oauth/device_authorization', { client_id: 'tv', scope: 'openid' })
    const grant_type = 'urn:ietf:params:oauth:grant-type:device_code'
    const poll = () =>
      postForm(gatehouse, '/oauth/token', { grant_type, device_code: String(json.device_code), client_id: 'tv' })
    await poll()
    expect(await logged()).toEqual([])
    const browser = new Browser()
    await browser.get(`${gatehouse.url}/device`)
    await browser.submit({ user_code: String(json.user_code) })
    await browser.submit({ confirm: 'yes' })
    await enterPassword(browser, 'grace@globex.test')
    await poll()
    await poll()
    expect(await logged()).toMatchObject([
      { credentialKind: 'password', outcome: 'accepted', via: 'sign-in', clientId: 'tv' },
      { ...graces, credentialKind: 'device_code', outcome: 'accepted', via: 'token', clientId: 'tv' },
      { ...graces, credentialKind: 'device_code', outcome: 'refused', reason: 'reused' },
    ])
  })

  test("a service account's secret, right or wrong", async () => {
    await clientToken(gatehouse.url)
    const wrong = { ...serviceAccount, clientSecret: 'wrong-secret-0123456789-0123456789' }
    await requestToken(gatehouse, { grant_type: 'client_credentials' }, { as: wrong })
    const known = { credentialKind: 'client_secret', credentialId: 'nightly-export', via: 'token', userId: null }
    expect(await logged()).toMatchObject([
      { ...known, outcome: 'accepted', organizationId: expect.stringMatching(/^org_/) },
      { ...known, outcome: 'refused', reason: 'client_not_authenticated' },
    ])
  })

  test('asking for claims about a person', async () => {
    const { access } = await newTokens(gatehouse)
    const key = await createKey(gatehouse, grace)
    before = (await logEntries(gatehouse)).length
    const ask = (token: string) => call(gatehouse, '/oauth/userinfo', bearer(token))
    expect((await ask(access)).status).toBe(200)
    expect((await ask('x'.repeat(43))).status).toBe(401)
    expect((await ask(key.key)).status).toBe(401)
    expect(await logged()).toMatchObject([
      { ...graces, credentialKind: 'access_token', outcome: 'accepted', via: 'bearer', path: '/oauth/userinfo' },
      { credentialKind: 'unknown', outcome: 'refused', reason: 'unknown' },
      { ...graces, credentialKind: 'api_key', outcome: 'refused', reason: 'wrong_kind' },
    ])
  })

  describe('a sign-in,', () => {
    const organizations = async () => {
      const { db } = gatehouse.database
      const rows = await db.selectFrom('organizations').select(['id', 'slug']).execute()
      const names = new Map(rows.map(({ id, slug }) => [id, slug]))
      return (await logged())
        .filter(({ via }) => via === 'sign-in')
        .map(({ outcome, reason, organizationId }) => [reason ?? outcome, names.get(organizationId ?? '') ?? null])
    }

    test('with the organization that is named, if the person belongs to it, or their only one', async () => {
      await authenticate(gatehouse, { organization: 'globex' })
      await authenticate(gatehouse, {})
      await authenticate(gatehouse, { password: 'wrong password' })
      await authenticate(gatehouse, { organization: 'acme' })
      await authenticate(gatehouse, { email: 'ada@acme.test', organization: 'acme' })
      await authenticate(gatehouse, { email: 'ada@acme.test', password: 'wrong password', organization: 'globex' })
      await authenticate(gatehouse, { email: 'ada@acme.test' })
      await authenticate(gatehouse, { email: 'stranger@acme.test', organization: 'acme' })
      await authenticate(gatehouse, { email: 'nobody@example.test', organization: 'acme' })
      expect(await organizations()).toEqual([
        ['accepted', 'globex'],
        ['accepted', 'globex'],
        ['wrong_password', 'globex'],
        ['accepted', null],
        ['accepted', 'acme'],
        ['wrong_password', 'globex'],
        ['accepted', null],
        ['unknown', null],
        ['accepted', null],
      ])
    })

    test('on a page, by an authorization request that names one', async () => {
      await signIn(gatehouse.url, { parameters: { organization: 'acme' } })
      await signIn(gatehouse.url, { pick: 'acme' })
      expect(await organizations()).toEqual([
        ['accepted', 'acme'],
        ['accepted', null],
      ])
    })

    test('that was one too many, as what it was', async () => {
      await forgetTries(gatehouse)
      for (let n = 0; n < 11; n++) await authenticate(gatehouse, { password: 'wrong password' })
      await forgetTries(gatehouse)
      expect(await organizations()).toEqual([...Array(10).fill(['wrong_password', 'globex']), ['limited', 'globex']])
    })
  })

  test('none for who only sends a form without a credential', async () => {
    await requestToken(gatehouse, { grant_type: 'refresh_token' })
    await requestToken(gatehouse, { grant_type: 'authorization_code', redirect_uri: redirectUri })
    await postForm(
      gatehouse,
      '/oauth/token',
      { grant_type: 'nothing' },
      { headers: { authorization: basic(serviceAccount) } },
    )
    expect(await logged()).toEqual([])
  })
})
