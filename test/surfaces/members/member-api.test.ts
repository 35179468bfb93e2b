import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { call, databases } from '#support/api-requests.ts'
import { postgresAvailable } from '#support/databases.ts'
import { type Gatehouse, setup, startAnotherNode, startGatehouse } from '#support/gatehouse.ts'
import { createKey, isLive, type SignedIn, signInTo } from '#support/keys.ts'

const members = '/v1/organizations/acme/members'
const people = setup
  .replace(
    'organizations:\n',
    '  - { email: carol@acme.test, name: Carol, password: "correct horse battery staple" }\n$&',
  )
  .replace('        admin: true\n', '$&        permissions: ["*"]\n')
  .replace('  - slug: globex\n', '      - { email: carol@acme.test }\n$&')

/** Who is an active admin of Acme, by address. */
async function adminsOf({ database: { db } }: Gatehouse): Promise<string[]> {
  const rows = await db
    .selectFrom('memberships as m')
    .innerJoin('users as u', 'u.id', 'm.userId')
    .innerJoin('organizations as o', 'o.id', 'm.organizationId')
    .select('u.email')
    .where('o.slug', '=', 'acme')
    .where('m.admin', '=', true)
    .where('m.deactivatedAt', 'is', null)
    .orderBy('u.email')
    .execute()
  return rows.map(({ email }) => email)
}

const ask = (gatehouse: Gatehouse, by: SignedIn, method: string, user: string, json?: unknown, port?: number) =>
  call(gatehouse, `${members}/${user}`, { method, json, headers: by.headers, ...(port && { port }) })

describe.each(databases)('members through the API on %s', (database) => {
  let gatehouse: Gatehouse
  let ada: SignedIn
  let root: SignedIn
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database, setup: people })
    ada = await signInTo(gatehouse, 'acme')
    root = await signInTo(gatehouse, 'acme', 'root@example.test')
  })
  afterAll(() => gatehouse.stop())

  const patch = (user: string, json: unknown, by = ada) => ask(gatehouse, by, 'PATCH', user, json)

  test('the last active administrator is neither demoted, switched off nor removed, even by a superadmin', async () => {
    for (const by of [ada, root]) {
      for (const [method, json] of [
        ['PATCH', { admin: false }],
        ['PATCH', { active: false }],
        ['DELETE', undefined],
      ] as const) {
        const { status, json: problem } = await ask(gatehouse, by, method, 'ada@acme.test', json)
        expect([status, problem.code]).toEqual([409, 'conflict'])
      }
    }
    // One who is switched off is no other administrator.
    await patch('carol@acme.test', { admin: true, active: false })
    expect((await patch('ada@acme.test', { admin: false })).status).toBe(409)
    expect((await patch('carol@acme.test', { admin: false, active: true })).status).toBe(200)
    expect(await adminsOf(gatehouse)).toEqual(['ada@acme.test'])
  })

  test('who is switched off is out at once, and in again; the change is in the audit log', async () => {
    const carol = await signInTo(gatehouse, 'acme', 'carol@acme.test')
    const { key } = await createKey(gatehouse, carol)
    const off = await patch('CAROL@acme.test', { active: false })
    expect([off.status, off.json]).toMatchObject([200, { user: { name: 'Carol' }, admin: false, active: false }])
    expect(await isLive(gatehouse, key)).toBe(false)
    expect((await patch('carol@acme.test', { active: true })).json).toMatchObject({ active: true })
    expect(await isLive(gatehouse, key)).toBe(true)

    expect((await ask(gatehouse, ada, 'DELETE', 'carol@acme.test')).status).toBe(204)
    expect((await patch('carol@acme.test', { active: true })).status).toBe(404)
    expect(await isLive(gatehouse, key)).toBe(false)
    await gatehouse.apply(people)
    const { db } = gatehouse.database
    const log = await db.selectFrom('auditLog').select('action').orderBy('id', 'desc').limit(4).execute()
    expect(log.map(({ action }) => action)).toContain('member.removed')
  })

  test('who is no administrator of the organization changes no member, and a key no administrator', async () => {
    const carol = await signInTo(gatehouse, 'acme', 'carol@acme.test')
    const grace = await signInTo(gatehouse, 'globex', 'grace@globex.test')
    const { key } = await createKey(gatehouse, ada, { administration: true })
    const byKey = { headers: { 'x-api-key': key }, token: key }
    expect((await patch('ada@acme.test', { active: false }, carol)).status).toBe(403)
    expect((await patch('ada@acme.test', { active: false }, grace)).status).toBe(404)
    // Another organization's member is none here, by id too.
    const stranger = await gatehouse.database.db
      .selectFrom('users')
      .select('id')
      .where('email', '=', 'grace@globex.test')
      .executeTakeFirstOrThrow()
    expect((await patch(stranger.id, { active: false })).status).toBe(404)
    expect((await ask(gatehouse, ada, 'DELETE', stranger.id)).status).toBe(404)
    expect((await patch('carol@acme.test', { admin: true }, byKey)).status).toBe(403)
    expect((await patch('carol@acme.test', { active: false }, byKey)).status).toBe(200)
    expect((await patch('carol@acme.test', { active: true }, byKey)).status).toBe(200)
    expect(await adminsOf(gatehouse)).toEqual(['ada@acme.test'])
  })
})

describe.runIf(postgresAvailable())('members at once, on two nodes', () => {
  let gatehouse: Gatehouse
  let other: Awaited<ReturnType<typeof startAnotherNode>>
  let root: SignedIn
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database: 'postgres', setup: people })
    other = await startAnotherNode(gatehouse)
    root = await signInTo(gatehouse, 'acme', 'root@example.test')
  })
  afterAll(async () => {
    await other.stop()
    await gatehouse.stop()
  })

  const makeBothAdmins = async () => {
    for (const user of ['ada@acme.test', 'carol@acme.test']) {
      await ask(gatehouse, root, 'PATCH', user, { admin: true, active: true })
    }
    expect(await adminsOf(gatehouse)).toEqual(['ada@acme.test', 'carol@acme.test'])
  }

  test('two administrators who demote each other leave one', async () => {
    const ada = await signInTo(gatehouse, 'acme')
    const carol = await signInTo(gatehouse, 'acme', 'carol@acme.test')
    for (let round = 0; round < 10; round++) {
      await makeBothAdmins()
      const change = round % 2 ? { admin: false } : { active: false }
      const answers = await Promise.all([
        ask(gatehouse, ada, 'PATCH', 'carol@acme.test', change),
        ask(gatehouse, carol, 'PATCH', 'ada@acme.test', change, other.port),
      ])
      expect(answers.map(({ status }) => status).filter((status) => status === 200)).toHaveLength(1)
      expect(await adminsOf(gatehouse)).toHaveLength(1)
    }
  })

  test('a setup that demotes one administrator while the other is removed leaves one', async () => {
    const demoting = people
      .replace('        admin: true\n        permissions', '        permissions')
      .replace('{ email: carol@acme.test }', '{ email: carol@acme.test, admin: true }')
    for (let round = 0; round < 10; round++) {
      await gatehouse.apply(people)
      await makeBothAdmins()
      await Promise.all([
        gatehouse.apply(demoting),
        ask(gatehouse, root, 'DELETE', 'carol@acme.test', undefined, other.port),
      ])
      expect(await adminsOf(gatehouse)).toHaveLength(1)
    }
  })
})
