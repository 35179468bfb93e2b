import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  type Answer,
  askIntrospection,
  clientToken,
  expire,
  inactive,
  logEntries,
  send,
  unknownUses,
} from '#support/credential-requests.ts'
import { availableDatabases, postgresAvailable } from '#support/databases.ts'
import {
  basic,
  confidentialClient,
  type Gatehouse,
  resourceServer,
  serviceAccount,
  setup,
  startAnotherNode,
  startGatehouse,
} from '#support/gatehouse.ts'
import { signIn } from '#support/relying-party.ts'

/** Every character that the form-encoding of RFC 6749 §2.3.1 changes, and a few that look as if it did. */
const specialSecret = 'a+b c%20d:e&f=g/h"~*!-0123456789-0123'

describe.each(availableDatabases())('whoever asks introspection, on %s,', (database) => {
  let gatehouse: Gatehouse
  let token: string
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database })
    token = await clientToken(gatehouse.url)
  })
  afterAll(() => gatehouse.stop())

  const ask = (headers: Record<string, string>, parameters: Record<string, string> = {}) =>
    askIntrospection(gatehouse.url, headers, new URLSearchParams({ token, ...parameters }).toString())
  const post = { client_id: resourceServer.clientId, client_secret: resourceServer.clientSecret }

  function expectRefused(answer: Answer, error: 'invalid_client' | 'invalid_token' = 'invalid_client') {
    expect(JSON.parse(answer.text)).toEqual({ error, error_description: 'client authentication failed' })
    expect(answer.status).toBe(401)
    expect(answer.headers['cache-control']).toBe('no-store')
    const scheme = error === 'invalid_token' ? 'Bearer' : 'Basic'
    expect(answer.headers['www-authenticate']).toBe(`${scheme} realm="${gatehouse.url}", error="${error}"`)
  }

  function expectAnswered(answer: Answer) {
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.text)).toMatchObject({ active: true, sub: 'nightly-export' })
  }

  test('may use client_secret_basic, in any case of the scheme, with its client_id beside it', async () => {
    const header = basic(resourceServer)
    expectAnswered(await ask({ authorization: header }))
    expectAnswered(await ask({ authorization: header.replace('Basic', 'bAsIc') }))
    expectAnswered(await ask({ authorization: header }, { client_id: resourceServer.clientId }))
  })

  test('may use client_secret_post', async () => expectAnswered(await ask({}, post)))

  test('may use a Bearer token of its own by client credentials, opaque or JWT', async () => {
    const bearer = await clientToken(gatehouse.url, {}, resourceServer)
    expectAnswered(await ask({ authorization: `Bearer ${bearer}` }))
    expectAnswered(await ask({ authorization: `bearer ${bearer}` }))
  })

  test('may have a secret with special characters: form-encoded in Basic, as it is in post', async () => {
    const clientId = 'special.api'
    await gatehouse.apply(
      `resource_servers: [{ client_id: "${clientId}", client_secret: ${JSON.stringify(specialSecret)} }]`,
    )
    const encoded = (value: string) => new URLSearchParams({ value }).toString().slice('value='.length)
    const own = { clientId: encoded(clientId), clientSecret: encoded(specialSecret) }
    expectAnswered(await ask({ authorization: basic(own) }))
    const percent = { clientId: encodeURIComponent(clientId), clientSecret: encodeURIComponent(specialSecret) }
    expectAnswered(await ask({ authorization: basic(percent) }))
    expectAnswered(await ask({}, { client_id: clientId, client_secret: specialSecret }))
    expectRefused(await ask({ authorization: basic({ clientId, clientSecret: specialSecret }) }))
  })

  test.each<[string, Record<string, string>, Record<string, string>]>([
    ['nothing', {}, {}],
    ['an id without a secret', {}, { client_id: 'inventory-api' }],
    ['an id with an empty secret', {}, { client_id: 'inventory-api', client_secret: '' }],
    ['a public client', {}, { client_id: 'console', client_secret: 'x' }],
    ['a wrong secret', { authorization: basic({ ...resourceServer, clientSecret: 'wrong' }) }, {}],
    ['a wrong secret in the form', {}, { ...post, client_secret: 'wrong' }],
    ['an unknown client', { authorization: basic({ clientId: 'none', clientSecret: 'wrong' }) }, {}],
    ["another client's secret", {}, { ...post, client_secret: serviceAccount.clientSecret }],
    ['the id in another case', {}, { ...post, client_id: 'Inventory-API' }],
    ['Basic and post at once', { authorization: basic(resourceServer) }, post],
    ['Basic and an empty secret', { authorization: basic(resourceServer) }, { client_secret: '' }],
    ['Basic and another id', { authorization: basic(resourceServer) }, { client_id: 'reports-api' }],
    ['Basic with nothing', { authorization: 'Basic' }, {}],
    ['Basic that is no base64', { authorization: 'Basic ***' }, {}],
    ['Basic without a colon', { authorization: `Basic ${Buffer.from('inventory-api').toString('base64')}` }, {}],
    ['Basic with a broken escape', { authorization: basic({ clientId: 'a%', clientSecret: 'b%zz' }) }, {}],
    ['an unknown scheme', { authorization: 'Digest x' }, {}],
    ['an unknown scheme beside the right secret', { authorization: 'Digest x' }, post],
    ['NUL in the id', {}, { client_id: '\u0000', client_secret: 'x' }],
    ['NUL in Basic', { authorization: basic({ clientId: 'inventory-api\u0000', clientSecret: '%00' }) }, {}],
    ['a very long id', {}, { client_id: 'x'.repeat(50_000), client_secret: 'x' }],
  ])('with %s is refused by 401', async (_name, headers, parameters) => {
    // What was remembered from a good request must not help a bad one that resembles it.
    expectAnswered(await ask({ authorization: basic(resourceServer) }))
    expectAnswered(await ask({}, post))
    expectRefused(await ask(headers, parameters))
  })

  test('is refused by 401 before anything else that is wrong with the request', async () => {
    const { url } = gatehouse
    expectRefused(await askIntrospection(url, {}, ''))
    expectRefused(await askIntrospection(url, { 'content-type': 'application/json' }, '{}'))
    expectRefused(await askIntrospection(url, {}, 'token=a&token=b'))
    expectRefused(await send(url, { path: '/oauth/introspect', method: 'POST' }))
  })

  test('is told what is wrong with the request once it is known', async () => {
    const authorization = basic(resourceServer)
    const attempts: [Record<string, string>, string][] = [
      [{}, ''],
      [{}, 'token='],
      [{}, 'token=a&token=b'],
      [{ 'content-type': 'application/json' }, '{"token":"x"}'],
      [{ 'content-type': 'application/x-www-form-urlencodedness' }, 'token=x'],
      [{}, `token=${'x'.repeat(70_000)}`],
    ]
    for (const [headers, body] of attempts) {
      const answer = await askIntrospection(gatehouse.url, { authorization, ...headers }, body)
      expect(answer.status).toBe(400)
      expect(JSON.parse(answer.text)).toMatchObject({ error: 'invalid_request' })
      expect(answer.headers['cache-control']).toBe('no-store')
    }
    const type = 'Application/X-WWW-Form-Urlencoded; charset=UTF-8'
    const answer = await askIntrospection(gatehouse.url, { authorization, 'content-type': type }, `token=${token}`)
    expectAnswered(answer)
  })

  test('with a Bearer token that is not its own good access token is refused', async () => {
    const person = (await signIn(gatehouse.url, { ...confidentialClient, pick: 'acme' })).tokens
    const expired = await clientToken(gatehouse.url, {}, resourceServer)
    await expire(gatehouse, expired)
    for (const bearer of [person.access_token, person.refresh_token!, person.id_token!, expired, 'x', 'a b']) {
      expectRefused(await ask({ authorization: `Bearer ${bearer}` }), 'invalid_token')
    }
    const bearer = await clientToken(gatehouse.url, {}, resourceServer)
    expectRefused(await ask({ authorization: `Bearer ${bearer}` }, post))
  })

  test('is refused without an entry in the log; a Bearer token that nobody knows is counted', async () => {
    const before = (await logEntries(gatehouse)).length
    await ask({})
    await ask({ authorization: basic({ ...resourceServer, clientSecret: 'wrong' }) }, { user_agent: 'never' })
    expect(await logEntries(gatehouse)).toHaveLength(before)
    await ask({ authorization: 'Bearer nonsense-nonsense-nonsense' }, { user_agent: 'never' })
    expect(await logEntries(gatehouse)).toHaveLength(before)
    expect(await unknownUses(gatehouse, 'bearer')).toContainEqual(expect.objectContaining({ reason: 'unknown' }))
    expect(await logEntries(gatehouse, 'never')).toEqual([])
  })

  describe('is known anew', () => {
    beforeEach(() => gatehouse.apply(setup))

    test('at the very next request after its secret changed', async () => {
      expectAnswered(await ask({ authorization: basic(resourceServer) }))
      expectAnswered(await ask({}, post))
      const newSecret = 'another-secret-of-inventory-0123456789'
      await gatehouse.apply(setup.replace(resourceServer.clientSecret, newSecret))
      expectRefused(await ask({ authorization: basic(resourceServer) }))
      expectRefused(await ask({}, post))
      expectAnswered(await ask({ authorization: basic({ ...resourceServer, clientSecret: newSecret }) }))
      await gatehouse.apply(setup)
      expectRefused(await ask({ authorization: basic({ ...resourceServer, clientSecret: newSecret }) }))
      expectAnswered(await ask({ authorization: basic(resourceServer) }))
    })

    test('at the very next request after it was deactivated, by secret or token', async () => {
      const bearer = await clientToken(gatehouse.url, {}, resourceServer)
      expectAnswered(await ask({ authorization: basic(resourceServer) }))
      expectAnswered(await ask({ authorization: `Bearer ${bearer}` }))
      await gatehouse.apply(setup.replace('client_id: inventory-api,', 'client_id: inventory-api, active: false,'))
      expectRefused(await ask({ authorization: basic(resourceServer) }))
      expectRefused(await ask({ authorization: `Bearer ${bearer}` }), 'invalid_token')
    })

    test('at the very next request after its organization was suspended', async () => {
      const owned = { clientId: 'acme-api', clientSecret: 'acme-api-secret-0123456789-0123' }
      await gatehouse.apply(
        `resource_servers: [{ client_id: acme-api, client_secret: ${owned.clientSecret}, organization: acme }]`,
      )
      expectAnswered(await ask({ authorization: basic(owned) }))
      await gatehouse.apply('organizations: [{ slug: acme, active: false }]')
      expectRefused(await ask({ authorization: basic(owned) }))
      await gatehouse.apply('organizations: [{ slug: acme, active: true }]')
      expectAnswered(await ask({ authorization: basic(owned) }))
    })

    test('when it is no resource server any longer: then it learns of its own tokens only', async () => {
      expectAnswered(await ask({ authorization: basic(serviceAccount) }))
      const foreign = (await signIn(gatehouse.url, { pick: 'acme' })).tokens.access_token
      const asServiceAccount = () => gatehouse.introspect(foreign, {}, serviceAccount)
      expect((await asServiceAccount()).text).toBe(inactive)
      await gatehouse.apply(
        setup.replace('client_id: nightly-export', 'client_id: nightly-export\n    resource_server: true'),
      )
      expect((await asServiceAccount()).json.active).toBe(true)
      await gatehouse.apply(setup)
      expect((await asServiceAccount()).text).toBe(inactive)
    })
  })
})

describe.runIf(postgresAvailable())('on two nodes', () => {
  let gatehouse: Gatehouse
  let other: Awaited<ReturnType<typeof startAnotherNode>>
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database: 'postgres' })
    other = await startAnotherNode(gatehouse)
  })
  afterAll(async () => {
    await other.stop()
    await gatehouse.stop()
  })

  test('a changed secret and a deactivated client bind both at the next request', async () => {
    const token = await clientToken(gatehouse.url)
    const statuses = (caller: typeof resourceServer) =>
      Promise.all(
        [undefined, other.port].map(async (port) => {
          const headers = { authorization: basic(caller) }
          return (await askIntrospection(gatehouse.url, headers, `token=${token}`, port)).status
        }),
      )
    const changed = { ...resourceServer, clientSecret: 'another-secret-of-inventory-0123456789' }
    const active = (is: boolean) =>
      setup.replace('client_id: inventory-api,', `client_id: inventory-api, active: ${is},`)
    for (let round = 0; round < 5; round++) {
      await gatehouse.apply(active(true))
      expect(await statuses(resourceServer)).toEqual([200, 200])
      await gatehouse.apply(setup.replace(resourceServer.clientSecret, changed.clientSecret))
      expect(await statuses(resourceServer)).toEqual([401, 401])
      expect(await statuses(changed)).toEqual([200, 200])
      await gatehouse.apply(active(false))
      expect(await statuses(changed)).toEqual([401, 401])
      expect(await statuses(resourceServer)).toEqual([401, 401])
    }
  })
})
