import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { call, databases } from '#support/api-requests.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { type SignedIn, signInTo } from '#support/keys.ts'

interface Key {
  kid: string
  alg: string
  status: string
  since: string
  jwk: Record<string, unknown>
}

describe.each(databases)('signing keys through the API on %s', (database) => {
  let gatehouse: Gatehouse
  let root: SignedIn
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database })
    root = await signInTo(gatehouse, 'acme', 'root@example.test')
  })
  afterAll(() => gatehouse.stop())

  const list = async () => {
    const { status, json } = await call(gatehouse, '/v1/signing-keys', { headers: root.headers })
    expect(status).toBe(200)
    return json.items as Key[]
  }
  const rotate = (by = root) => call(gatehouse, '/v1/signing-keys/rotate', { method: 'POST', headers: by.headers })
  /** As if the next keys had been published an hour earlier. */
  const anHourLater = () =>
    gatehouse.database.pool.query({
      text: `update signing_keys set status_since = status_since - interval '61 minutes'`,
    })
  const entries = () =>
    gatehouse.database.db
      .selectFrom('auditLog')
      .select(['actorName', 'before', 'after'])
      .where('action', '=', 'signing_key.rotated')
      .execute()

  test('the list has the public keys that the JWKS publishes, and no private part', async () => {
    const keys = await list()
    expect(keys.map(({ status }) => status).sort()).toEqual(['current', 'current', 'current', 'next', 'next', 'next'])
    const { json } = await call(gatehouse, '/oauth/jwks')
    const published = (json.keys as Record<string, unknown>[]).map(({ kid }) => kid)
    expect(keys.map(({ kid }) => kid).sort()).toEqual(published.sort())
    for (const { kid, alg, jwk } of keys) {
      expect(jwk).toMatchObject({ kid, alg, use: 'sig' })
      for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) expect(jwk).not.toHaveProperty(member)
    }
  })

  test('a rotation is refused until the next keys are published for an hour, and says when it is possible', async () => {
    const before = await list()
    const refused = await rotate()
    expect([refused.status, refused.json.code]).toEqual([409, 'conflict'])
    const since = before.find(({ status }) => status === 'next')!.since
    expect(Date.parse(String(refused.json.possible_from)) - Date.parse(since)).toBeGreaterThanOrEqual(3_600_000)
    expect(await list()).toEqual(before)
    expect(await entries()).toEqual([])
  })

  test('then the next keys sign, those before only verify, and the audit log tells who did it', async () => {
    const before = await list()
    await anHourLater()
    const rotated = await rotate()
    expect(rotated.status).toBe(200)
    const after = await list()
    expect(rotated.json.items).toEqual(after)
    const kids = (keys: Key[], status: string) => keys.filter((key) => key.status === status).map(({ kid }) => kid)
    expect(kids(after, 'current').sort()).toEqual(kids(before, 'next').sort())
    expect(kids(after, 'retired').sort()).toEqual(kids(before, 'current').sort())
    expect(kids(after, 'next')).toHaveLength(3)
    const current = (keys: Key[]) =>
      Object.fromEntries(keys.filter(({ status }) => status === 'current').map(({ alg, kid }) => [alg, kid]))
    expect(await entries()).toEqual([
      { actorName: 'root@example.test', before: current(before), after: current(after) },
    ])
    expect((await rotate()).status).toBe(409)
  })

  test('nobody but superadmins', async () => {
    const ada = await signInTo(gatehouse, 'acme')
    await anHourLater()
    expect((await rotate(ada)).status).toBe(403)
    expect((await call(gatehouse, '/v1/signing-keys', { headers: ada.headers })).status).toBe(403)
    expect((await call(gatehouse, '/v1/signing-keys')).status).toBe(401)
    expect(await entries()).toHaveLength(1)
  })
})
