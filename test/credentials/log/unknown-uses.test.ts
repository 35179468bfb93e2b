import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { maintainPartitions } from '#credentials/log/partitions.ts'
import { databases, deployOn } from '#support/api-requests.ts'
import { readLog } from '#support/authentication-log.ts'
import { askIntrospection, logEntries, unknownUses } from '#support/credential-requests.ts'
import { basic, type Gatehouse, resourceServer } from '#support/gatehouse.ts'
import { type SignedIn, signInTo } from '#support/keys.ts'
import type { Deployment } from '#support/wire.ts'

describe.each(databases)('garbage that belongs to no owner, on %s,', (database) => {
  let deployment: Deployment
  let gatehouse: Gatehouse
  let ada: SignedIn
  let root: SignedIn
  beforeAll(async () => {
    deployment = await deployOn(database)
    gatehouse = deployment.gatehouse
    ada = await signInTo(gatehouse, 'acme')
    root = await signInTo(gatehouse, 'acme', 'root@example.test')
  })
  afterAll(() => deployment.stop())

  const networks = ['203.0.113.0/24', '2001:db8:0:7::/64', null]

  test('is summed up by network over all nodes, exactly, whatever it is', async () => {
    const before = (await logEntries(gatehouse)).length
    const addressOf = (n: number) =>
      [`203.0.113.${n % 256}`, `2001:DB8::7:0:0:0:${n.toString(16)}`, 'no address'][n % 3]
    await Promise.all(
      Array.from({ length: 500 }, (_, n) => {
        const token = n % 2 === 0 ? 'x'.repeat(43) : `garbage ${n}`
        const body = new URLSearchParams({ token, ip: addressOf(n)!, user_agent: `agent ${n}`, path: `/${n}` })
        const headers = { authorization: basic(resourceServer) }
        return askIntrospection(gatehouse.url, headers, String(body), deployment.ports[n % 4 < 2 ? 0 : 1])
      }),
    )
    expect((await logEntries(gatehouse)).length).toBe(before)
    const sums = await unknownUses(gatehouse, 'introspection')
    // Two reasons and three networks, in one minute or across the start of the next.
    expect(sums.length).toBeLessThanOrEqual(12)
    const countOf = (network: string | null, reason: string) =>
      sums
        .filter((sum) => sum.network === network && sum.reason === reason && sum.resourceServer === 'inventory-api')
        .reduce((total, { count }) => total + count, 0)
    expect(networks.map((network) => [countOf(network, 'unknown'), countOf(network, 'malformed')])).toEqual([
      [84, 83],
      [83, 84],
      [83, 83],
    ])
  })

  test('is in the log that a superadmin reads, and in no one else’s', async () => {
    const entries = (await readLog(gatehouse, root, { user: '*', limit: '7' })).filter(({ count }) => count > 1)
    expect(entries.reduce((total, { count }) => total + count, 0)).toBe(500)
    expect(new Set(entries.map(({ ip }) => ip))).toEqual(new Set(networks))
    expect(entries[0]).toMatchObject({
      outcome: 'refused',
      credential: { id: null, kind: 'unknown', name: null },
      via: 'introspection',
      user: null,
      organization: null,
      resource_server: 'inventory-api',
    })
    expect(new Set(entries.map(({ id }) => id)).size).toBe(entries.length)
    const kinds = async (by: SignedIn, query: Record<string, string>) =>
      (await readLog(gatehouse, by, query)).map(({ credential }) => credential.kind)
    expect(await kinds(root, { user: '*', outcome: 'accepted' })).not.toContain('unknown')
    expect(await kinds(root, { user: '*', to: '2026-01-01' })).toEqual([])
    expect(await kinds(root, {})).not.toContain('unknown')
    expect(await kinds(ada, { user: '*' })).not.toContain('unknown')
  })

  test('goes with the log’s retention', async () => {
    const { db } = gatehouse.database
    await maintainPartitions(db, { retentionDays: 30 })
    expect(await unknownUses(gatehouse)).not.toEqual([])
    await db
      .updateTable('unknownUses')
      .set({ minute: new Date(Date.now() - 31 * 24 * 60 * 60 * 1000) })
      .where('via', '=', 'introspection')
      .execute()
    await maintainPartitions(db, { retentionDays: 30 })
    expect(await unknownUses(gatehouse, 'introspection')).toEqual([])
  })
})
