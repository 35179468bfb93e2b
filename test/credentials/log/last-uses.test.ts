import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lastUsesOfApiKeys, lastUsesOfClients, noteClientUses } from '#credentials/log/last-uses.ts'
import { call, databases, deployOn } from '#support/api-requests.ts'
import { basic, resourceServer, serviceAccount, setup } from '#support/gatehouse.ts'
import { act, createKey, signInTo } from '#support/keys.ts'
import { writeEntries } from '#support/log-entries.ts'
import { type Deployment, postForm, requestToken } from '#support/wire.ts'

describe.each(databases)('the last use on %s', (database) => {
  let deployment: Deployment
  beforeAll(async () => {
    deployment = await deployOn(database)
  })
  afterAll(() => deployment.stop())

  const ids = ['nightly-export', 'inventory-api', 'reports-api', 'console']
  const lastUses = async () => {
    await noteClientUses(deployment.gatehouse.database.db)
    return lastUsesOfClients(deployment.gatehouse.database.db, ids)
  }
  const isNow = (at: unknown) => Math.abs(Date.parse(String(at)) - Date.now()) < 60_000
  const ofClient = { userId: null, organizationId: null }
  const hourAgo = () => new Date(Date.now() - 3_600_000)

  test('of an API key is told within a minute, on whichever node it was used and is asked', async () => {
    const { gatehouse, ports } = deployment
    const ada = await signInTo(gatehouse, 'acme')
    const [used, idle] = [await createKey(gatehouse, ada), await createKey(gatehouse, ada)]
    await call(gatehouse, '/v1/me', { headers: { 'x-api-key': used.key }, port: ports[1]! })
    for (const port of ports) {
      expect(isNow((await act(gatehouse, ada, 'GET', used.id, '', { port })).json.last_used_at)).toBe(true)
      expect((await act(gatehouse, ada, 'GET', idle.id, '', { port })).json.last_used_at).toBeNull()
    }
    const uses = await lastUsesOfApiKeys(gatehouse.database.db, [used.id, idle.id, 'key_of_nobody'])
    expect([...uses.keys()]).toEqual([used.id])
    expect(isNow(uses.get(used.id))).toBe(true)
  })

  test('of a service account and of a resource server is known after the job’s next run', async () => {
    const { gatehouse, ports } = deployment
    const [, port] = ports
    expect([...(await lastUses()).keys()]).toEqual([])
    const { json } = await requestToken(gatehouse, { grant_type: 'client_credentials' }, { as: serviceAccount, port })
    expect([...(await lastUses()).keys()]).toEqual(['nightly-export'])
    await sql`update client_uses set last_used_at = ${hourAgo().toISOString()}::timestamptz`.execute(
      gatehouse.database.db,
    )
    const headers = { authorization: basic(resourceServer) }
    await postForm(gatehouse, '/oauth/introspect', { token: String(json.access_token) }, { headers, port })
    const uses = await lastUses()
    expect([...uses.keys()].sort()).toEqual(['inventory-api', 'nightly-export'])
    for (const at of uses.values()) expect(isNow(at)).toBe(true)
  })

  test('is not moved by a refusal, nor back by an older entry; a client made anew was never used', async () => {
    const { gatehouse } = deployment
    const { db } = gatehouse.database
    await writeEntries(gatehouse, [{ ...ofClient, clientId: 'console', outcome: 'refused' }])
    expect((await lastUses()).has('console')).toBe(false)
    await writeEntries(gatehouse, [{ ...ofClient, clientId: 'console', outcome: 'accepted' }])
    const at = (await lastUses()).get('console')
    await writeEntries(gatehouse, [
      { ...ofClient, clientId: 'console', outcome: 'accepted', occurredAt: hourAgo() },
      { ...ofClient, clientId: 'gone', outcome: 'accepted' },
    ])
    expect((await lastUses()).get('console')).toEqual(at)
    await db.deleteFrom('clients').where('clientId', '=', 'console').execute()
    await gatehouse.apply(setup)
    expect((await lastUses()).has('console')).toBe(false)
  })
})
