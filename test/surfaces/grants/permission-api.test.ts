import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Ask, asker, fieldsOf, lastAudited, rightsOf, withCarol } from '#support/access.ts'
import { databases, deployOn } from '#support/api-requests.ts'
import type { Gatehouse } from '#support/gatehouse.ts'
import { type SignedIn, signInTo } from '#support/keys.ts'
import type { Deployment } from '#support/wire.ts'

const catalogue = '/v1/permissions'
const acme = '/v1/organizations/acme'

describe.each(databases)('the catalogue of permissions on %s', (database) => {
  let deployment: Deployment
  let gatehouse: Gatehouse
  let carol: SignedIn
  let asAda: Ask
  let asCarol: Ask
  let asRoot: Ask
  beforeAll(async () => {
    deployment = await deployOn(database, { setup: withCarol })
    gatehouse = deployment.gatehouse
    carol = await signInTo(gatehouse, 'acme', 'carol@acme.test')
    asAda = asker(gatehouse, await signInTo(gatehouse, 'acme'))
    asCarol = asker(gatehouse, carol)
    asRoot = asker(gatehouse, await signInTo(gatehouse, 'acme', 'root@example.test'))
  })
  afterAll(() => deployment.stop())

  test('everybody who is signed in reads it, page by page', async () => {
    const seen: unknown[] = []
    for (let cursor: unknown = ''; cursor !== null; ) {
      const { json } = await asCarol('GET', `${catalogue}?limit=1${cursor && `&cursor=${cursor}`}`)
      seen.push(...(json.items as unknown[]))
      cursor = json.next_cursor
    }
    expect(seen).toHaveLength(3)
    expect(seen).toContainEqual({
      name: 'reports:read',
      description: 'Read reports',
      created_at: expect.stringMatching(/^\d{4}-/),
    })
    expect((await asCarol('GET', `${catalogue}/reports:read`)).json).toEqual(
      seen.find((one) => (one as { name: string }).name === 'reports:read'),
    )
  })

  test('a superadmin adds, describes and removes one; nobody else does', async () => {
    for (const ask of [asAda, asCarol]) {
      expect((await ask('POST', catalogue, { name: 'mine:read' })).status).toBe(403)
      expect((await ask('PATCH', `${catalogue}/reports:read`, { description: 'Mine' })).status).toBe(403)
      expect((await ask('DELETE', `${catalogue}/reports:read`)).status).toBe(403)
    }
    const created = await asRoot('POST', catalogue, { name: 'tickets:read', description: 'See tickets' })
    expect([created.status, created.json]).toMatchObject([201, { name: 'tickets:read', description: 'See tickets' }])
    expect((await asRoot('POST', catalogue, { name: 'tickets:read' })).status).toBe(409)
    const read = await asRoot('GET', `${catalogue}/tickets%3Aread`)
    const same = await asRoot('PATCH', `${catalogue}/tickets:read`, { description: 'See tickets' })
    expect(same.headers.etag).toBe(read.headers.etag)
    expect((await asRoot('PATCH', `${catalogue}/tickets:read`, { description: 'Look' })).json.description).toBe('Look')
    expect((await asRoot('DELETE', `${catalogue}/tickets:read`)).status).toBe(204)
    expect((await asRoot('GET', `${catalogue}/tickets:read`)).status).toBe(404)
    expect(await lastAudited(gatehouse, 3)).toMatchObject([
      { action: 'permission.created', subject: 'permission tickets:read', after: { description: 'See tickets' } },
      { action: 'permission.updated', before: { description: 'See tickets' }, after: { description: 'Look' } },
      { action: 'permission.deleted', before: { description: 'Look' } },
    ])
  })

  test.each([
    ['a wildcard', { name: 'tickets:*' }, ['name']],
    ['capitals', { name: 'Tickets:read' }, ['name']],
    ['no action', { name: 'tickets' }, ['name']],
    ['an unknown field', { name: 'tickets:read', organization: 'acme' }, ['organization']],
  ])('%s is refused by name', async (_what, json, fields) => {
    const refused = await asRoot('POST', catalogue, json)
    expect([refused.status, fieldsOf(refused)]).toEqual([422, fields])
    const renaming = await asRoot('PATCH', `${catalogue}/reports:read`, { name: 'reports:look' })
    expect([renaming.status, fieldsOf(renaming)]).toEqual([422, ['name']])
  })

  test('one that is granted stays, and the refusal counts who holds it', async () => {
    await asRoot('POST', catalogue, { name: 'tickets:read' })
    await asAda('PUT', `${acme}/members/carol@acme.test/grants`, { permissions: ['tickets:*'], data_scopes: [] })
    const last = await asRoot('DELETE', `${catalogue}/tickets:read`)
    expect([last.status, last.json.code, last.json.held]).toEqual([
      409,
      'conflict',
      { members: 1, teams: 0, service_accounts: 0, clients: 0 },
    ])
    // While another of its resource is left, the wildcard still stands for something.
    await asRoot('POST', catalogue, { name: 'tickets:write' })
    expect((await asRoot('DELETE', `${catalogue}/tickets:read`)).status).toBe(204)
    const items = await asRoot('DELETE', `${catalogue}/configuration-items:read`)
    expect([items.status, items.json.held]).toEqual([409, { members: 0, teams: 1, service_accounts: 1, clients: 0 }])
    await asAda('PUT', `${acme}/members/carol@acme.test/grants`, { permissions: [], data_scopes: [] })
    expect((await asRoot('DELETE', `${catalogue}/tickets:write`)).status).toBe(204)
  })

  test('one that is removed while it is granted is either granted or gone', async () => {
    for (let round = 0; round < 10; round++) {
      await asRoot('POST', catalogue, { name: 'racing:read' })
      const [deleted, granted] = await Promise.all([
        asRoot('DELETE', `${catalogue}/racing:read`),
        asAda(
          'PUT',
          `${acme}/members/carol@acme.test/grants`,
          { permissions: ['racing:read'], data_scopes: [] },
          { port: deployment.ports[1]! },
        ),
      ])
      expect([
        [204, 422],
        [409, 200],
      ]).toContainEqual([deleted.status, granted.status])
      const { permissions } = await rightsOf(gatehouse, carol.token)
      expect(permissions).toEqual(granted.status === 200 ? ['racing:read'] : [])
      await asAda('PUT', `${acme}/members/carol@acme.test/grants`, { permissions: [], data_scopes: [] })
      await asRoot('DELETE', `${catalogue}/racing:read`)
    }
  })
})
