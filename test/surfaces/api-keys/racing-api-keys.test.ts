import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { call, databases, deployOn } from '#support/api-requests.ts'
import { askIntrospection, inactive } from '#support/credential-requests.ts'
import { basic, resourceServer } from '#support/gatehouse.ts'
import {
  act,
  askForKey,
  type Created,
  createKey,
  deleteAllKeys,
  isLive,
  letExpire,
  type SignedIn,
  signInTo,
  waysToPresent,
} from '#support/keys.ts'
import { allAtOnce, type Deployment } from '#support/wire.ts'

// Thousands of requests, where other tests keep the processors busy.
vi.setConfig({ testTimeout: 240_000 })

describe.each(databases)('many changes of keys at once on %s', (database) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']
  let ports: number[]
  let ada: SignedIn
  beforeAll(async () => {
    deployment = await deployOn(database)
    ;({ gatehouse, ports } = deployment)
    ada = await signInTo(gatehouse, 'acme')
  })
  beforeEach(() => deleteAllKeys(gatehouse))
  afterAll(() => deployment.stop())

  async function liveKeys(): Promise<number> {
    const { json } = await call(gatehouse, '/v1/api-keys?status=active&limit=100', { headers: ada.headers })
    return (json.items as unknown[]).length
  }

  /** Only these keys are left, and revoked. */
  async function startOver(ids: string[]) {
    const { db } = gatehouse.database
    await db.deleteFrom('credentials').where('kind', '=', 'api_key').where('id', 'not in', ids).execute()
    await db
      .updateTable('credentials')
      .set({ revokedAt: new Date(), revocation: 'owner' })
      .where('kind', '=', 'api_key')
      .execute()
  }

  const rounds = database === 'postgres' ? 50 : 5

  test(`of 30 creations and re-activations, ${rounds} times, never more than ten are live`, async () => {
    // S0-17
    const revoked: Created[] = []
    for (let n = 0; n < 10; n++) revoked.push(await createKey(gatehouse, ada))
    for (let round = 0; round < rounds; round++) {
      await startOver(revoked.map(({ id }) => id))
      const answers = await allAtOnce(30, ports, (port, index) =>
        index % 3 === 0
          ? act(gatehouse, ada, 'POST', revoked[index / 3]!.id, '/reactivate', { port })
          : askForKey(gatehouse, ada, {}, { port }),
      )
      const done = answers.filter(({ status }) => status === 200 || status === 201)
      const refused = answers.filter(({ status, json }) => status === 409 && json.code === 'limit_reached')
      expect([done.length, refused.length, await liveKeys()]).toEqual([10, 20, 10])
    }
  })

  test('of 20 prolongations of keys that are about to expire and 20 creations, never more than ten are live', async () => {
    const expiring: Created[] = []
    for (let n = 0; n < 10; n++) expiring.push(await createKey(gatehouse, ada))
    const soon = Date.now() + 1500
    await gatehouse.database.db
      .updateTable('credentials')
      .set({ expiresAt: new Date(soon) })
      .where('kind', '=', 'api_key')
      .execute()
    const pause = () => new Promise((resolve) => setTimeout(resolve, Math.max(0, soon - 20 - Date.now())))
    await pause()
    await allAtOnce(40, ports, (port, index) =>
      index % 2 === 0
        ? act(gatehouse, ada, 'PATCH', expiring[(index / 2) % 10]!.id, '', { port, json: { expires_in_days: 9 } })
        : askForKey(gatehouse, ada, {}, { port }),
    )
    expect(await liveKeys()).toBeLessThanOrEqual(10)
  })

  test('of 20 keys of one name, in any spelling, one is made', async () => {
    // S1-07
    const answers = await allAtOnce(20, ports, (port, index) =>
      askForKey(gatehouse, ada, { name: index % 2 ? 'Deploy' : ' dEPLOY ' }, { port }),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(19).fill(409)])
  })

  test('of simultaneous revocation, re-activation and deletion no deadlock and no 5xx comes', async () => {
    const keys = await Promise.all(Array.from({ length: 5 }, () => createKey(gatehouse, ada)))
    const answers = await allAtOnce(60, ports, (port, index) => {
      const { id } = keys[index % 5]!
      if (index >= 55) return act(gatehouse, ada, 'DELETE', id, '', { port })
      return act(gatehouse, ada, 'POST', id, index % 2 ? '/revoke' : '/reactivate', { port })
    })
    for (const { status } of answers) expect([200, 204, 404]).toContain(status)
  })

  test('of simultaneous rotations of a key one gives a successor, and two keys are live', async () => {
    const old = await createKey(gatehouse, ada)
    const answers = await allAtOnce(20, ports, (port) =>
      act(gatehouse, ada, 'POST', old.id, '/rotate', { port, json: { overlap_seconds: 3600 } }),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(19).fill(409)])
    expect(await liveKeys()).toBe(2)
  })

  test('a key that is rotated and revoked at once is dead in the end, and is re-activated only where nothing replaced it', async () => {
    for (let round = 0; round < 10; round++) {
      const old = await createKey(gatehouse, ada)
      const [rotated, revoked] = await allAtOnce(2, round % 2 ? ports : [...ports].reverse(), (port, index) =>
        act(gatehouse, ada, 'POST', old.id, index ? '/revoke' : '/rotate', {
          port,
          json: index ? undefined : { overlap_seconds: 3600 },
        }),
      )
      expect([201, 409]).toContain(rotated!.status)
      expect(revoked!.status).toBe(200)
      expect(await isLive(gatehouse, old.key)).toBe(false)
      const again = await act(gatehouse, ada, 'POST', old.id, '/reactivate')
      expect(again.status).toBe(rotated!.status === 201 ? 409 : 200)
      await deleteAllKeys(gatehouse)
    }
  })

  test('of keys rotated with an overlap and others made at once, never more than ten are live', async () => {
    // S0-17
    const keys: Created[] = []
    for (let n = 0; n < 7; n++) keys.push(await createKey(gatehouse, ada))
    const answers = await allAtOnce(14, ports, (port, index) =>
      index % 2
        ? askForKey(gatehouse, ada, {}, { port })
        : act(gatehouse, ada, 'POST', keys[index / 2]!.id, '/rotate', { port, json: { overlap_seconds: 3600 } }),
    )
    const codes = answers.map(({ status, json }) => (status === 201 ? 'made' : json.code))
    expect(codes.sort()).toEqual([...Array(11).fill('limit_reached'), ...Array(3).fill('made')])
    expect(await liveKeys()).toBe(10)
  })

  const revocations = database === 'postgres' ? 1_000 : 100

  test(`after the answer to each of ${revocations} revocations no use of the key is accepted, on any node, in any way`, async () => {
    // S0-21
    const { id, key } = await createKey(gatehouse, ada)
    const jwt = await createKey(gatehouse, ada, { format: 'jwt' })
    const uses = [
      ...waysToPresent.flatMap(([via, headers, query]) => [
        async (key: string, port: number) => {
          const { status } = await call(gatehouse, `/v1/me${query(key)}`, { headers: headers(key), port })
          return [via, status === 200] as const
        },
        async (key: string, port: number) => {
          const path = `/v1/auth/verify${query(key)}`
          const { status } = await call(gatehouse, path, { headers: headers(key), port })
          return [`verify ${via}`, status === 200] as const
        },
      ]),
      async (key: string, port: number) => {
        const headers = { authorization: basic(resourceServer) }
        const { text } = await askIntrospection(gatehouse.url, headers, `token=${key}`, port)
        return ['introspection', text !== inactive] as const
      },
    ]
    for (let round = 0; round < revocations; round++) {
      const one = round % 2 ? { id, key } : jwt
      // In use while it is revoked, and asked about as soon as that is answered.
      const meanwhile = uses[round % uses.length]!(one.key, ports[round % 2]!)
      const revoked = await act(gatehouse, ada, 'POST', one.id, '/revoke', { port: ports[round % 2]! })
      expect(revoked.status).toBe(200)
      const use = uses[(round * 7) % uses.length]!
      const [way, accepted] = await use(one.key, ports[(round + 1) % 2]!)
      expect([round, way, accepted]).toEqual([round, way, false])
      await meanwhile
      await gatehouse.database.db
        .updateTable('credentials')
        .set({ revokedAt: null, revocation: null })
        .where('id', '=', one.id)
        .execute()
    }
  })

  test('a key that expires while it waits for its turn is not revived by an edit', async () => {
    const { id } = await createKey(gatehouse, ada)
    await letExpire(gatehouse, id)
    const answers = await allAtOnce(10, ports, (port) =>
      act(gatehouse, ada, 'PATCH', id, '', { port, json: { expires_in_days: 5 } }),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(409))
  })
})
