import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { call, databases } from '#support/api-requests.ts'
import { confidentialClient, type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { type SignedIn, signInTo } from '#support/keys.ts'
import { signIn } from '#support/relying-party.ts'
import { isSignedInAt, openAccount } from '#support/signed-in.ts'

describe.each(databases)('sessions through the API on %s', (database) => {
  let gatehouse: Gatehouse
  let ada: SignedIn
  let grace: SignedIn
  let root: SignedIn
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database })
    ada = await signInTo(gatehouse, 'acme')
    grace = await signInTo(gatehouse, 'globex', 'grace@globex.test')
    root = await signInTo(gatehouse, 'acme', 'root@example.test')
  })
  afterAll(() => gatehouse.stop())

  const ask = (by: SignedIn, path: string, method = 'GET') => call(gatehouse, path, { method, headers: by.headers })
  const isSignedIn = (browser: Parameters<typeof isSignedInAt>[2]) =>
    isSignedInAt(gatehouse, gatehouse.config.port, browser)
  const idsOf = async (by: SignedIn, query = '') =>
    ((await ask(by, `/v1/sessions${query}`)).json.items as { id: string }[]).map(({ id }) => id)

  test('one sees and ends one’s own, at once; nobody else’s, but a superadmin everybody’s', async () => {
    const browser = await openAccount(gatehouse)
    const other = await openAccount(gatehouse)
    const [latest = '', first = ''] = await idsOf(ada)
    expect(await idsOf(grace)).toEqual([])
    expect(await idsOf(root, '?user=ada@acme.test')).toEqual([latest, first])
    expect((await ask(grace, '/v1/sessions?user=ada@acme.test')).status).toBe(403)
    expect((await ask(grace, `/v1/sessions/${first}`, 'DELETE')).status).toBe(404)
    expect((await ask(ada, `/v1/sessions/${first}`, 'DELETE')).status).toBe(204)
    expect(await isSignedIn(browser)).toBe(false)
    expect(await isSignedIn(other)).toBe(true)
    expect((await ask(root, `/v1/sessions/${latest}`, 'DELETE')).status).toBe(204)
    expect(await idsOf(ada)).toEqual([])
    expect((await ask(ada, `/v1/sessions/${latest}`, 'DELETE')).status).toBe(404)
  })

  test('one sees which applications one allowed, and takes it back: their tokens end at once', async () => {
    const { tokens } = await signIn(gatehouse.url, { ...confidentialClient, email: 'grace@globex.test' })
    const allowed = await ask(grace, '/v1/allowed-applications')
    expect(allowed.json.items).toMatchObject([{ client_id: 'webapp', organizations: [{ slug: 'globex' }] }])
    expect((await ask(ada, '/v1/allowed-applications')).json.items).toEqual([])
    expect((await ask(ada, '/v1/allowed-applications/webapp', 'DELETE')).status).toBe(404)
    expect((await gatehouse.introspect(tokens.access_token)).json.active).toBe(true)
    expect((await ask(grace, '/v1/allowed-applications/webapp', 'DELETE')).status).toBe(204)
    expect((await gatehouse.introspect(tokens.access_token)).text).toBe('{"active":false}')
    expect((await ask(grace, '/v1/allowed-applications')).json.items).toEqual([])
    // Nor does an application's own token manage what its person allows.
    const own = await signIn(gatehouse.url, { ...confidentialClient, email: 'grace@globex.test' })
    const by = { headers: { authorization: `Bearer ${own.tokens.access_token}` }, token: '' }
    expect((await ask(by, '/v1/allowed-applications')).status).toBe(403)
  })
})
