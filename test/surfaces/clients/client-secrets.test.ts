import { sql } from 'kysely'
import * as openid from 'openid-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Call, call, databases, deployOn } from '#support/api-requests.ts'
import { askIntrospection } from '#support/credential-requests.ts'
import { basic, type Gatehouse } from '#support/gatehouse.ts'
import { type SignedIn, signInTo } from '#support/keys.ts'
import { discover } from '#support/relying-party.ts'
import type { Deployment } from '#support/wire.ts'
import { sweepExpired } from '../../../src/sweep.ts'

interface Secret {
  id: string
  hint: string
  expires_at: string | null
}

describe.each(databases)('secrets of a client on %s', (database) => {
  let deployment: Deployment
  let gatehouse: Gatehouse
  let ports: number[]
  let root: SignedIn
  let ada: SignedIn
  beforeAll(async () => {
    deployment = await deployOn(database)
    ;({ gatehouse, ports } = deployment)
    root = await signInTo(gatehouse, 'acme', 'root@example.test')
    ada = await signInTo(gatehouse, 'acme')
  })
  afterAll(() => deployment.stop())

  const ask = (path: string, more: Call = {}, by = root) =>
    call(gatehouse, path, { ...more, headers: { ...by.headers, ...more.headers } })
  /** A resource server with its first secret. */
  const newServer = async () => {
    const { json } = await ask('/v1/clients', { json: { resource_server: true } })
    return { clientId: String(json.client_id), clientSecret: String(json.client_secret) }
  }
  const rotate = async (clientId: string, overlap_seconds?: number, more: Call = {}) => {
    const answer = await ask(`/v1/clients/${clientId}/secrets`, { json: { overlap_seconds }, ...more })
    return { ...answer, clientId, clientSecret: String(answer.json.client_secret) }
  }
  const listOf = async (clientId: string) =>
    ((await ask(`/v1/clients/${clientId}/secrets`)).json as unknown as { items: Secret[] }).items
  /** Of an introspection by this secret, on every node. */
  const statuses = async (caller: { clientId: string; clientSecret: string }) => {
    const answers = ports.map((port) =>
      askIntrospection(gatehouse.url, { authorization: basic(caller) }, 'token=x', port),
    )
    return (await Promise.all(answers)).map(({ status }) => status)
  }
  const every = (status: number) => ports.map(() => status)
  const tokenWith = async ({ clientId, clientSecret }: { clientId: string; clientSecret: string }) =>
    (await openid.clientCredentialsGrant(await discover(gatehouse.url, clientId, clientSecret))).access_token

  test('with an overlap old and new work, for introspection and for tokens, then only the new', async () => {
    const first = await newServer()
    expect(await statuses(first)).toEqual(every(200))
    const second = await rotate(first.clientId, 3600)
    expect(second.status).toBe(201)
    expect(second.headers['cache-control']).toBe('no-store')
    expect(second.json).toMatchObject({ hint: second.clientSecret.slice(-4), expires_at: null })
    for (const secret of [first, second]) {
      expect(await statuses(secret)).toEqual(every(200))
      expect(await tokenWith(secret)).toBeDefined()
    }
    const [newest, older] = await listOf(first.clientId)
    expect([newest!.hint, older!.hint]).toEqual([second, first].map(({ clientSecret }) => clientSecret.slice(-4)))
    const left = Date.parse(older!.expires_at!) - Date.now()
    expect(left).toBeGreaterThan(3_500_000)
    expect(left).toBeLessThan(3_700_000)

    await endOverlap(first.clientId)
    await expect(tokenWith(first)).rejects.toMatchObject({ status: 401 })
    expect(await tokenWith(second)).toBeDefined()
    expect((await listOf(first.clientId)).map(({ id }) => id)).toEqual([newest!.id])
  })

  test('an overlap that ends by itself is noticed where the old secret is remembered', async () => {
    const first = await newServer()
    const second = await rotate(first.clientId, 4)
    expect(await statuses(first)).toEqual(every(200))
    await expect.poll(() => statuses(first), { timeout: 20_000 }).toEqual(every(401))
    expect(await statuses(second)).toEqual(every(200))
  })

  test('without overlap the old one is dead once the rotation has been answered, remembered or not', async () => {
    const first = await newServer()
    expect(await statuses(first)).toEqual(every(200))
    const second = await rotate(first.clientId)
    expect(await statuses(first)).toEqual(every(401))
    expect(await statuses(second)).toEqual(every(200))
    await expect(tokenWith(first)).rejects.toMatchObject({ status: 401 })
    expect(await listOf(first.clientId)).toHaveLength(1)
  })

  test('a second rotation prolongs nothing', async () => {
    const first = await newServer()
    await rotate(first.clientId, 60)
    const before = (await listOf(first.clientId)).at(-1)
    await rotate(first.clientId, 86_400)
    expect((await listOf(first.clientId)).at(-1)).toEqual(before)
  })

  test('one that works for its overlap may be ended at once, the one that stays may not', async () => {
    const first = await newServer()
    const second = await rotate(first.clientId, 3600)
    const [stays, overlapping] = await listOf(first.clientId)
    const end = (id: string) => ask(`/v1/clients/${first.clientId}/secrets/${id}`, { method: 'DELETE' })
    expect((await end(stays!.id)).status).toBe(409)
    expect(await statuses(first)).toEqual(every(200))
    expect((await end(overlapping!.id)).status).toBe(204)
    expect(await statuses(first)).toEqual(every(401))
    expect(await statuses(second)).toEqual(every(200))
    expect((await end(overlapping!.id)).status).toBe(404)
    const other = await newServer()
    const [foreign] = await listOf(other.clientId)
    expect((await end(foreign!.id)).status).toBe(404)
    expect(await statuses(other)).toEqual(every(200))
  })

  test.each([-1, 604_801, 1.5, '60', null])('an overlap of %j is refused', async (overlap_seconds) => {
    const { clientId } = await newServer()
    const { status } = await ask(`/v1/clients/${clientId}/secrets`, { json: { overlap_seconds } })
    expect([status, (await listOf(clientId)).length]).toEqual([422, 1])
  })

  test('ten live at a time; a rotation without overlap always goes through', async () => {
    const { clientId } = await newServer()
    const statusOf = async (overlap: number) => (await rotate(clientId, overlap)).status
    for (let n = 1; n < 10; n++) expect(await statusOf(3600)).toBe(201)
    expect(await statusOf(3600)).toBe(409)
    expect(await listOf(clientId)).toHaveLength(10)
    expect(await statusOf(0)).toBe(201)
    expect(await listOf(clientId)).toHaveLength(1)
  })

  test('of rotations at once, over all nodes, one secret stays', async () => {
    const { clientId } = await newServer()
    const all = await Promise.all(
      Array.from({ length: 6 }, (_, n) => rotate(clientId, 3600, { port: ports[n % ports.length]! })),
    )
    expect(all.map(({ status }) => status)).toEqual(Array(6).fill(201))
    expect((await listOf(clientId)).filter(({ expires_at }) => expires_at === null)).toHaveLength(1)
    for (const secret of all) expect(await statuses(secret)).toEqual(every(200))
    const last = await Promise.all(
      Array.from({ length: 6 }, (_, n) => rotate(clientId, 0, { port: ports[n % ports.length]! })),
    )
    const working = await Promise.all(last.map(async (secret) => (await statuses(secret))[0] === 200))
    expect(working.filter(Boolean)).toHaveLength(1)
  })

  test('one Idempotency-Key rotates once', async () => {
    const { clientId } = await newServer()
    const headers = { 'idempotency-key': `rotation-${clientId}` }
    const [first, again] = [await rotate(clientId, 60, { headers }), await rotate(clientId, 60, { headers })]
    expect(again.text).toBe(first.text)
    expect(await listOf(clientId)).toHaveLength(2)
  })

  test('an admin rotates those of their service accounts, and nobody else’s', async () => {
    const accounts = '/v1/organizations/acme/service-accounts'
    const { json } = await ask(accounts, { json: {} }, ada)
    const account = { clientId: String(json.client_id), clientSecret: String(json.client_secret) }
    const rotated = await ask(`${accounts}/${account.clientId}/secrets`, { json: { overlap_seconds: 3600 } }, ada)
    expect(rotated.status).toBe(201)
    const second = { ...account, clientSecret: String(rotated.json.client_secret) }
    for (const secret of [account, second]) expect(await tokenWith(secret)).toBeDefined()
    const { items } = (await ask(`${accounts}/${account.clientId}/secrets`, {}, ada)).json as unknown as {
      items: Secret[]
    }
    const end = { method: 'DELETE' }
    expect((await ask(`${accounts}/${account.clientId}/secrets/${items[1]!.id}`, end, ada)).status).toBe(204)
    await expect(tokenWith(account)).rejects.toMatchObject({ status: 401 })
    expect(await tokenWith(second)).toBeDefined()
  })

  test('a secret is in the answer that made it and nowhere else, and those that have ended are swept', async () => {
    const first = await newServer()
    const second = await rotate(first.clientId, 60, { headers: { 'idempotency-key': `kept-${first.clientId}` } })
    await endOverlap(first.clientId)
    expect((await sweepExpired(gatehouse.database.db)).client_secrets).toBeGreaterThan(0)
    const { db } = gatehouse.database
    const rows = await db.selectFrom('clientSecrets').select('id').where('clientId', '=', first.clientId).execute()
    expect(rows).toHaveLength(1)
    const log = gatehouse.logLines.join('')
    const dump = await dumpOf(gatehouse)
    expect(dump).toContain(first.clientId)
    for (const { clientSecret } of [first, second]) {
      expect(dump).not.toContain(clientSecret)
      expect(log).not.toContain(clientSecret)
    }
  })

  /** Moves the end of every overlap of a client into the past, as waiting for it would. */
  async function endOverlap(clientId: string) {
    await gatehouse.database.db
      .updateTable('clientSecrets')
      .set({ expiresAt: sql<Date>`now() - interval '1 second'` })
      .where('clientId', '=', clientId)
      .where('expiresAt', 'is not', null)
      .execute()
  }
})

async function dumpOf({ database: { db } }: Gatehouse): Promise<string> {
  const { rows } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables where table_schema = 'public'`.execute(db)
  const tables = rows.map(({ name }) =>
    sql<{ row: string }>`select t::text as row from ${sql.table(name)} t`.execute(db),
  )
  return (await Promise.all(tables)).flatMap((table) => table.rows.map(({ row }) => row)).join('\n')
}
