import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { authenticate, call, databases } from '#support/api-requests.ts'
import { type Gatehouse, password, startGatehouse } from '#support/gatehouse.ts'
import { createKey, isLive, type SignedIn, signInTo } from '#support/keys.ts'
import { addSecondAdmin } from '#support/second-admin.ts'

describe.each(databases)('users through the API on %s', (database) => {
  let gatehouse: Gatehouse
  let ada: SignedIn
  let root: SignedIn
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database })
    ada = await signInTo(gatehouse, 'acme')
    root = await signInTo(gatehouse, 'acme', 'root@example.test')
  })
  afterAll(() => gatehouse.stop())

  const ask = (path = '', json?: unknown, method = json ? 'PATCH' : 'GET', by = root) =>
    call(gatehouse, `/v1/users${path}`, { method, json, headers: by.headers })
  const outcome = ({ status, json }: Awaited<ReturnType<typeof ask>>) => [status, json.code]
  const emails = async (query: string) =>
    ((await ask(query)).json.items as { email: string }[]).map(({ email }) => email).sort()

  test('are found by the beginning of address or name, by state, page after page', async () => {
    expect(await emails('?q=ADA')).toEqual(['ada@acme.test'])
    expect(await emails('?q=noo')).toEqual(['nobody@example.test'])
    expect(await emails('?q=_')).toEqual([])
    expect(await emails('?superadmin=true')).toEqual(['root@example.test'])
    expect(await emails('?active=false')).toEqual([])
    const seen: string[] = []
    for (let cursor = ''; ; ) {
      const { json } = await ask(`?limit=1${cursor}`)
      seen.push(...(json.items as { email: string }[]).map(({ email }) => email))
      if (json.next_cursor === null) break
      cursor = `&cursor=${json.next_cursor}`
    }
    expect(seen.sort()).toEqual(await emails('?limit=100'))
    expect(outcome(await ask('', undefined, 'GET', ada))).toEqual([403, 'permission_denied'])
  })

  test('one is made with a password, verified; a taken address is a conflict, an unknown field refused', async () => {
    const made = await ask('', { email: 'Carol@acme.test', name: 'Carol', password }, 'POST')
    expect([made.status, made.json]).toMatchObject([
      201,
      { email_verified: true, has_password: true, superadmin: false },
    ])
    expect(made.text).not.toContain(password)
    expect((await authenticate(gatehouse, { email: 'carol@acme.test' })).json.code).toBe('permission_denied')
    expect(outcome(await ask('', { email: 'carol@ACME.test', name: 'C' }, 'POST'))).toEqual([409, 'conflict'])
    expect(outcome(await ask('', { email: 'd@acme.test', name: 'D', id: 'usr_1' }, 'POST'))).toEqual([
      422,
      'validation_failed',
    ])
    const mailed = await ask('', { email: 'dora@acme.test', name: 'Dora' }, 'POST')
    expect([mailed.status, mailed.json.has_password]).toEqual([201, false])
    const { db } = gatehouse.database
    expect(await db.selectFrom('mailLinks').select('purpose').where('email', '=', 'dora@acme.test').execute()).toEqual([
      { purpose: 'reset_password' },
    ])
  })

  test('the last superadmin, and the last admin of an organization, stay', async () => {
    for (const edit of [{ superadmin: false }, { active: false }]) {
      expect(outcome(await ask('/root@example.test', edit))).toEqual([409, 'conflict'])
    }
    expect(outcome(await ask('/ada@acme.test', { active: false }))).toEqual([409, 'conflict'])
    expect(outcome(await ask('/nobody-there@acme.test', { no_such_field: 1 }))).toEqual([404, 'not_found'])
  })

  test('one who is switched off is out at once, and back again', async () => {
    const grace = await signInTo(gatehouse, 'globex', 'grace@globex.test')
    const { key } = await createKey(gatehouse, grace)
    await addSecondAdmin(gatehouse)
    expect((await ask('/grace@globex.test', { active: false })).json.active).toBe(false)
    expect(await isLive(gatehouse, key)).toBe(false)
    expect((await ask('/grace%40globex.test', { active: true })).json.active).toBe(true)
    expect(await isLive(gatehouse, key)).toBe(true)
  })

  test('no API key makes or changes a superadmin', async () => {
    const { key } = await createKey(gatehouse, root, { administration: true })
    const byKey = (path: string, json: unknown, method: string) =>
      call(gatehouse, `/v1/users${path}`, { method, json, headers: { 'x-api-key': key } })
    const refused = [403, 'permission_denied']
    expect(outcome(await byKey('/ada@acme.test', { superadmin: true }, 'PATCH'))).toEqual(refused)
    expect(outcome(await byKey('/second@admins.test', { active: false }, 'PATCH'))).toEqual(refused)
    const made = { email: 'e@acme.test', name: 'E', password, superadmin: true }
    expect(outcome(await byKey('', made, 'POST'))).toEqual(refused)
    expect((await byKey('/ada@acme.test', { name: 'Ada L' }, 'PATCH')).json.name).toBe('Ada L')
  })

  test('of two superadmins who demote each other at once, one stays', async () => {
    const second = gatehouse.database.db.updateTable('users').set({ superadmin: true })
    await second.where('email', '=', 'Carol@acme.test').execute()
    await ask('/second@admins.test', { superadmin: false })
    const carol = await signInTo(gatehouse, 'acme', 'carol@acme.test')
    const answers = await Promise.all([
      ask('/carol@acme.test', { superadmin: false }),
      ask('/root@example.test', { superadmin: false }, 'PATCH', carol),
    ])
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    const left = gatehouse.database.db.selectFrom('users').select('email').where('superadmin', '=', true)
    expect(await left.execute()).toHaveLength(1)
  })
})
