import { afterAll, beforeAll, expect, test } from 'vitest'
import { logEntries } from '#support/credential-requests.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { createKey, signInTo } from '#support/keys.ts'
import { send } from '#support/wire.ts'

let gatehouse: Gatehouse
let key: string
beforeAll(async () => {
  gatehouse = await startGatehouse()
  const ada = await signInTo(gatehouse, 'acme')
  key = (await createKey(gatehouse, ada)).key
})
afterAll(() => gatehouse.stop())

const get = (path: string, headers: Record<string, string> = {}) =>
  send(gatehouse, gatehouse.config.port, { path, headers })

/** Everything that the server has kept and logged. */
async function kept(): Promise<string> {
  const { db } = gatehouse.database
  const state = await db.selectFrom('protocolState').selectAll().execute()
  return JSON.stringify([state, await logEntries(gatehouse), gatehouse.logLines])
}

test.each([
  ['/account/security?ApiKey=KEY', '/account/security'],
  ['/account/security?apikey=KEY&x=1', '/account/security?x=1'],
  ['/account/authentication-log?outcome=refused', '/account/authentication-log?outcome=refused'],
  ['/account/security?x=KEY', '/account'],
  ['/account/api-keys/KEY/edit', '/account'],
  ['/account/api-keys/ESCAPED/edit', '/account'],
  ['/account/security?x=%', '/account'],
])('%s leads back to %s, and the key is nowhere', async (path, back) => {
  const escaped = key.replaceAll('_', '%5F')
  const { headers } = await get(path.replace('KEY', key).replace('ESCAPED', escaped))
  const location = headers.location ?? ''
  expect([new URL(location).searchParams.get('state'), location.includes(key)]).toEqual([back, false])
  await get(new URL(location).pathname + new URL(location).search)
  const secret = key.slice(-38)
  expect(await kept()).not.toContain(secret)
})

test('no log holds a key that stands in a path, escaped or not, or in another text', async () => {
  const places = [key, key.replaceAll('_', '%5F'), key.replaceAll('_', '%5f'), `${key}x`, `a-${key}`]
  for (const place of places) {
    await get(`/nowhere/${place}/x`)
    await get(`/v1/nowhere/${place}`, { 'x-api-key': key })
    await get('/v1/auth/verify', { 'x-api-key': key, 'x-original-uri': `/items/${place}`, 'user-agent': `x ${key}` })
    await gatehouse.introspect(key, { path: `/items/${place}`, user_agent: key })
  }
  expect(await kept()).not.toContain(key.slice(-38))
})

test('a renewal is logged with a user agent that is cut and clean', async () => {
  const { status } = await fetch(`${gatehouse.url}/v1/auth/refresh`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': `renewal\u0085\u00a0${'Version/'.repeat(1000)}` },
    body: JSON.stringify({ token: 'x'.repeat(43) }),
  })
  expect(status).toBe(401)
  const entry = (await logEntries(gatehouse)).at(-1)
  expect(entry?.userAgent).toHaveLength(256)
  expect(entry?.userAgent).toMatch(/^renewal {1}\u00a0/)
})
