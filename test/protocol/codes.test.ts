import { sql } from 'kysely'
import * as client from 'openid-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { confidentialClient, redirectUri } from '#support/gatehouse.ts'
import { beginSignIn, signIn } from '#support/relying-party.ts'
import {
  allAtOnce,
  availableStores,
  type Deployment,
  deploy,
  isActive,
  requestToken,
  type Stores,
} from '#support/wire.ts'

describe.each(availableStores())('authorization codes on $name', (store: Stores) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']
  let browser: Awaited<ReturnType<typeof signIn>>['browser']

  beforeAll(async () => {
    deployment = await deploy(store)
    gatehouse = deployment.gatehouse
    browser = (await signIn(gatehouse.url, { email: 'grace@globex.test' })).browser
  })
  afterAll(() => deployment.stop())

  /** A fresh code, as fields of the request that redeems it. */
  async function newCode() {
    const flow = await beginSignIn(gatehouse.url, { browser })
    return {
      grant_type: 'authorization_code',
      code: new URL(flow.browser.page.url).searchParams.get('code')!,
      code_verifier: flow.codeVerifier,
      redirect_uri: redirectUri,
    }
  }

  const redeem = (fields: Record<string, string>, port?: number) =>
    requestToken(gatehouse, fields, { ...(port && { port }) })
  const refusedGrant = { status: 400, json: { error: 'invalid_grant' } }

  test('of twenty simultaneous redemptions over all nodes exactly one succeeds, and the replays kill what it gave', async () => {
    const code = await newCode()
    const answers = await allAtOnce(20, deployment.ports, (port) => redeem(code, port))
    const [won, ...more] = answers.filter(({ status }) => status === 200)
    expect(more).toEqual([])
    for (const lost of answers.filter((answer) => answer !== won)) expect(lost).toMatchObject(refusedGrant)
    expect(await isActive(gatehouse, String(won?.json.access_token))).toBe(false)
    expect(await isActive(gatehouse, String(won?.json.refresh_token))).toBe(false)
  })

  test('a replay on another node kills what the code gave, and nothing else of the session', async () => {
    const { tokens: other } = await signIn(gatehouse.url, { browser })
    const code = await newCode()
    const { json } = await redeem(code)
    expect(await isActive(gatehouse, String(json.access_token))).toBe(true)
    expect(await redeem(code, deployment.ports[1])).toMatchObject(refusedGrant)
    expect(await isActive(gatehouse, String(json.access_token))).toBe(false)
    const refresh = { grant_type: 'refresh_token', refresh_token: String(json.refresh_token) }
    expect(await redeem(refresh)).toMatchObject(refusedGrant)
    expect(await isActive(gatehouse, other.access_token)).toBe(true)
  })

  test.each([
    ['a wrong verifier', { code_verifier: client.randomPKCECodeVerifier() }],
    ['no verifier', { code_verifier: undefined }],
    ['the challenge for a verifier', { code_verifier: 'challenge' }],
    ['another redirect_uri', { redirect_uri: 'http://localhost:8080/other' }],
    ['no redirect_uri', { redirect_uri: undefined }],
  ])('%s is refused, and the rightful owner may still redeem the code', async (_, wrong) => {
    const code = await newCode()
    const challenge = await client.calculatePKCECodeChallenge(code.code_verifier)
    const changed = Object.entries({ ...code, ...wrong })
      .filter((entry): entry is [string, string] => entry[1] !== undefined)
      .map(([name, value]): [string, string] => [name, value === 'challenge' ? challenge : value])
    const refused = await redeem(Object.fromEntries(changed))
    expect(refused.status).toBe(400)
    expect(refused.json.error).toMatch(/^invalid_(grant|request)$/)
    expect((await redeem(code)).status).toBe(200)
  })

  test("another client's code is refused, and its owner may still redeem it", async () => {
    const code = await newCode()
    expect(await requestToken(gatehouse, code, { as: confidentialClient })).toMatchObject(refusedGrant)
    expect((await redeem(code)).status).toBe(200)
  })

  test.runIf(!store.redis)('an expired code is refused', async () => {
    const code = await newCode()
    await sql`update protocol_state set payload = jsonb_set(payload, '{exp}', '1') where model = 'AuthorizationCode'`.execute(
      gatehouse.database.db,
    )
    expect(await redeem(code)).toMatchObject(refusedGrant)
  })

  test('a code of a session that was signed out meanwhile gives nothing', async () => {
    const own = await signIn(gatehouse.url, { email: 'grace@globex.test' })
    const flow = await beginSignIn(gatehouse.url, { browser: own.browser })
    const code = new URL(flow.browser.page.url).searchParams.get('code')!
    await own.browser.get(`${gatehouse.url}/oauth/logout`)
    await own.browser.submit({ logout: 'yes' })
    const fields = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      code_verifier: flow.codeVerifier,
    }
    expect(await redeem(fields)).toMatchObject(refusedGrant)
  })
})
