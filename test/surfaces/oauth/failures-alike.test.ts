import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { availableDatabases } from '#support/databases.ts'
import { basic, confidentialClient, type Gatehouse, redirectUri, startGatehouse } from '#support/gatehouse.ts'
import { postForm } from '#support/wire.ts'

const paths = ['/oauth/token', '/oauth/revoke', '/oauth/introspect', '/oauth/par', '/oauth/device_authorization']
const fields = {
  grant_type: 'authorization_code',
  code: 'x',
  token: 'x',
  response_type: 'code',
  redirect_uri: redirectUri,
}
const assertion = (clientId: string) => ({
  client_assertion: `e30.${Buffer.from(JSON.stringify({ sub: clientId })).toString('base64url')}.x`,
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
})
const known = confidentialClient.clientId
const wrong = (clientId: string) => ({ clientId, clientSecret: 'wrong' })
const post = (clientId: string) => ({ client_id: clientId, client_secret: 'wrong' })

describe.each(availableDatabases())('client authentication on %s', (database) => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    const switchedOff =
      'clients: [{ client_id: retired, client_secret: retired-secret-0123456789, redirect_uris: ["https://app.example/cb"], active: false }]'
    gatehouse = await startGatehouse({ database })
    await gatehouse.apply(switchedOff)
  })
  afterAll(() => gatehouse.stop())
  beforeEach(() => gatehouse.database.pool.query({ text: 'delete from rate_limits' }))

  const ask = async (path: string, as: { headers?: Record<string, string>; fields?: Record<string, string> }) => {
    const answer = await postForm(gatehouse, path, { ...fields, ...as.fields }, { headers: as.headers ?? {} })
    const { date: _date, 'x-request-id': _id, ...headers } = answer.headers
    return { status: answer.status, headers, text: answer.text }
  }

  describe.each(paths)('at %s', (path) => {
    test.each([undefined, new URL(redirectUri).origin, 'https://evil.example'])(
      'fails alike whether the client is known, unknown or deactivated, with Origin %s',
      async (origin) => {
        const from: Record<string, string> = origin === undefined ? {} : { origin }
        const withSecret = (clientId: string) =>
          ask(path, { headers: { ...from, authorization: basic(wrong(clientId)) } })
        const unknown = await withSecret('no-such-client')
        expect(unknown).toMatchObject({ status: 401 })
        expect(JSON.parse(unknown.text)).toEqual({
          error: 'invalid_client',
          error_description: 'client authentication failed',
        })
        expect(await withSecret(known)).toEqual(unknown)
        expect(await withSecret('console')).toEqual(unknown)
        expect(await withSecret('retired')).toEqual(unknown)
        const retired = { clientId: 'retired', clientSecret: 'retired-secret-0123456789' }
        expect(await ask(path, { headers: { ...from, authorization: basic(retired) } })).toEqual(unknown)

        for (const way of [post, assertion, (clientId: string) => ({ client_id: clientId })]) {
          const [first, ...others] = await Promise.all(
            ['no-such-client', known, 'retired'].map((clientId) => ask(path, { headers: from, fields: way(clientId) })),
          )
          expect(first).toMatchObject({ status: 401 })
          for (const other of others) expect(other).toEqual(first)
        }
      },
    )
  })
})
