import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { isApiKey } from '#foundation/values/api-key.ts'
import { call, databases, deployOn } from '#support/api-requests.ts'
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
} from '#support/keys.ts'
import type { Deployment } from '#support/wire.ts'

const dayMs = 86_400_000

describe.each(databases)("a person's own API keys on %s", (database) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']
  let ada: SignedIn
  beforeAll(async () => {
    deployment = await deployOn(database)
    gatehouse = deployment.gatehouse
    ada = await signInTo(gatehouse, 'globex')
  })
  beforeEach(() => deleteAllKeys(gatehouse))
  afterAll(() => deployment.stop())

  const list = async (query = '', by = ada) =>
    (await call(gatehouse, `/v1/api-keys${query}`, { headers: by.headers })).json as {
      items: Record<string, unknown>[]
      next_cursor: string | null
    }

  test('a key is made with name, description and expiry, and shown in that answer only', async () => {
    // S0-12 S0-14 S0-16 S1-01 S1-08 S2-17
    const { id, key, json } = await createKey(gatehouse, ada, {
      name: ' Nightly export ',
      description: 'For the report',
    })
    expect(key).toMatch(/^gate_usr_[0-9A-Za-z]{38}$/)
    expect(isApiKey(key)).toBe(true)
    const { key: _, ...record } = json
    expect(record).toEqual({
      id: expect.stringMatching(/^key_/),
      name: 'Nightly export',
      description: 'For the report',
      format: 'opaque',
      status: 'active',
      hint: `gate_usr_…${key.slice(-4)}`,
      user: { id: expect.stringMatching(/^usr_/), email: 'ada@acme.test' },
      organization: { id: expect.stringMatching(/^org_/), slug: 'globex', name: 'Globex' },
      permissions: null,
      data_scopes: null,
      administration: false,
      created_at: expect.any(String),
      created_by: { id: (json.user as { id: string }).id, email: 'ada@acme.test' },
      expires_at: expect.any(String),
      last_used_at: null,
      revoked_at: null,
      revoked_by: null,
    })
    expect(Date.parse(String(json.expires_at)) - Date.parse(String(json.created_at))).toBeGreaterThan(30 * dayMs - 2000)
    const read = await act(gatehouse, ada, 'GET', id)
    expect(read.json).toEqual(record)
    expect(await list()).toEqual({ items: [record], next_cursor: null })
    expect(read.headers['cache-control']).toBe('no-store')
  })

  test('the checksum is the CRC-32 of everything before it, in base62 of six digits', async () => {
    const { key } = await createKey(gatehouse, ada)
    const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
    const value = [...key.slice(-6)].reduce((sum, digit) => sum * 62 + digits.indexOf(digit), 0)
    expect(value).toBe(crc32(key.slice(0, -6)))
  })

  test.each([
    [{ expires_in_days: undefined }, 'expires_at'], // S0-13 S1-03
    [{ expires_in_days: 30, expires_at: '2099-01-01' }, 'expires_in_days'],
    [{ expires_in_days: 0 }, 'expires_in_days'],
    [{ expires_in_days: 1.5 }, 'expires_in_days'],
    [{ expires_in_days: '30' }, 'expires_in_days'],
    [{ expires_in_days: 367 }, 'expires_in_days'], // S0-18
    [{ expires_in_days: undefined, expires_at: 'tomorrow' }, 'expires_at'],
    [{ expires_in_days: undefined, expires_at: '2020-01-01T00:00:00Z' }, 'expires_at'],
    [{ expires_in_days: undefined, expires_at: new Date(Date.now() + 367 * dayMs).toISOString() }, 'expires_at'],
    [
      { expires_in_days: undefined, expires_at: new Date(Date.now() + 367 * dayMs).toISOString().slice(0, 10) },
      'expires_at',
    ],
    [{ name: '  ' }, 'name'], // S2-19
    [{ name: undefined }, 'name'],
    [{ name: 'x'.repeat(201) }, 'name'],
    [{ name: 'a\u0000b' }, 'name'],
    [{ description: 'x'.repeat(501) }, 'description'],
    [{ format: 'paseto' }, 'format'],
    [{ permissions: ['no such thing'] }, 'permissions.0'],
    [{ permissions: ['reports:reed'] }, 'permissions.0'],
    [{ data_scopes: [{ source: null, scope_id: 'x' }] }, 'data_scopes.0'], // S0-30
    [{ superadmin: true }, 'superadmin'],
    [{ created_at: '2020-01-01T00:00:00Z' }, 'created_at'],
    [{ __proto__: null, constructor: 1 }, 'constructor'],
  ])('%j is refused, naming the field', async (fields, path) => {
    const { status, json } = await askForKey(gatehouse, ada, fields)
    expect([status, json.code]).toEqual([422, 'validation_failed'])
    expect((json.errors as { path: string }[]).map((error) => error.path)).toContain(path)
    expect((await list()).items).toEqual([])
  })

  test('the longest life is 366 days; a date means the end of that day, UTC', async () => {
    // S0-18 S2-22
    const longest = await createKey(gatehouse, ada, { expires_in_days: 366 })
    const { created_at, expires_at } = longest.json as { created_at: string; expires_at: string }
    expect(Date.parse(expires_at)).toBe(Date.parse(created_at) + 366 * dayMs)
    const day = new Date(Date.now() + 10 * dayMs).toISOString().slice(0, 10)
    const dated = await createKey(gatehouse, ada, { expires_in_days: undefined, expires_at: day })
    expect(dated.json.expires_at).toBe(`${day}T23:59:59.000Z`)
    // The end of the last day allowed would be some hours too late.
    const lastDay = new Date(Date.now() + 366 * dayMs).toISOString().slice(0, 10)
    const clamped = await createKey(gatehouse, ada, { expires_in_days: undefined, expires_at: lastDay })
    expect(Date.parse(String(clamped.json.expires_at))).toBeLessThanOrEqual(
      Date.parse(String(clamped.json.created_at)) + 366 * dayMs,
    )
  })

  test('names are unique for a person in an organization, whatever their case and blanks; deleting frees one', async () => {
    // S1-07 S2-30
    const first = await createKey(gatehouse, ada, { name: 'Straße' })
    const again = await askForKey(gatehouse, ada, { name: ' STRAßE ' })
    expect([again.status, again.json.code]).toEqual([409, 'conflict'])
    expect(again.json.errors).toMatchObject([{ path: 'name' }])
    const inAcme = await signInTo(gatehouse, 'acme')
    await createKey(gatehouse, inAcme, { name: 'Straße' })
    const other = await createKey(gatehouse, ada, { name: 'other' })
    const renamed = await act(gatehouse, ada, 'PATCH', other.id, '', { json: { name: 'straße' } })
    expect([renamed.status, renamed.json.code]).toEqual([409, 'conflict'])
    expect((await act(gatehouse, ada, 'DELETE', first.id)).status).toBe(204)
    const second = await createKey(gatehouse, ada, { name: 'Straße' })
    // Of the same name, and nothing of the old one.
    expect(await isLive(gatehouse, first.key)).toBe(false)
    expect(await isLive(gatehouse, second.key)).toBe(true)
  })

  test('editing changes name, description and expiry, and nothing else', async () => {
    // S2-23 S2-27 S2-34
    const { id, json } = await createKey(gatehouse, ada)
    const expiresAt = new Date(Date.now() + 100 * dayMs)
    const edit = { name: 'new name', description: 'new text', expires_at: expiresAt.toISOString() }
    const { key: _, ...record } = json
    const edited = await act(gatehouse, ada, 'PATCH', id, '', { json: edit })
    expect(edited.status).toBe(200)
    expect(edited.json).toEqual({ ...record, ...edit })
    const untouched = await act(gatehouse, ada, 'PATCH', id, '', { json: {} })
    expect(untouched.json).toEqual(edited.json)
    for (const json of [{ user: 'grace@globex.test' }, { permissions: [] }, { format: 'jwt' }, { revoked_at: null }]) {
      expect((await act(gatehouse, ada, 'PATCH', id, '', { json })).status).toBe(422)
    }
    const late = { expires_at: new Date(Date.parse(String(json.created_at)) + 366 * dayMs + 1000).toISOString() }
    const refused = await act(gatehouse, ada, 'PATCH', id, '', { json: late })
    expect([refused.status, refused.json.errors]).toMatchObject([422, [{ path: 'expires_at' }]])
  })

  test('a year is counted from the making of a key, however often it is edited', async () => {
    // S0-18
    const { id } = await createKey(gatehouse, ada)
    await gatehouse.database.db
      .updateTable('credentials')
      .set({ issuedAt: new Date(Date.now() - 300 * dayMs) })
      .where('id', '=', id)
      .execute()
    expect((await act(gatehouse, ada, 'PATCH', id, '', { json: { expires_in_days: 67 } })).status).toBe(422)
    expect((await act(gatehouse, ada, 'PATCH', id, '', { json: { expires_in_days: 65 } })).status).toBe(200)
  })

  test('revoking ends a key at once, re-activating brings the same one back, deleting ends it for good', async () => {
    // S0-19 S0-21 S1-05 S1-10 S2-28 S2-29 S2-30
    const { id, key } = await createKey(gatehouse, ada)
    expect(await isLive(gatehouse, key)).toBe(true)
    const revoked = await act(gatehouse, ada, 'POST', id, '/revoke')
    expect(revoked.json).toMatchObject({ status: 'revoked', revoked_by: { email: 'ada@acme.test' } })
    expect(await isLive(gatehouse, key)).toBe(false)
    const again = await act(gatehouse, ada, 'POST', id, '/revoke')
    expect([again.status, again.json]).toEqual([200, revoked.json])
    const back = await act(gatehouse, ada, 'POST', id, '/reactivate')
    expect(back.json).toMatchObject({ status: 'active', revoked_at: null, revoked_by: null })
    expect(await isLive(gatehouse, key)).toBe(true)
    expect((await act(gatehouse, ada, 'POST', id, '/reactivate')).status).toBe(200)
    expect((await act(gatehouse, ada, 'DELETE', id)).status).toBe(204)
    expect(await isLive(gatehouse, key)).toBe(false)
    for (const [method, rest] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/revoke'],
      ['POST', '/reactivate'],
    ] as const) {
      expect([method, rest, (await act(gatehouse, ada, method, id, rest)).status]).toEqual([method, rest, 404])
    }
  })

  test('an expired key is dead, and neither an edit nor a re-activation revives it', async () => {
    // S0-38 S2-27 S2-29
    const { id, key } = await createKey(gatehouse, ada)
    await letExpire(gatehouse, id)
    expect(await isLive(gatehouse, key)).toBe(false)
    expect((await act(gatehouse, ada, 'GET', id)).json.status).toBe('expired')
    const edit = await act(gatehouse, ada, 'PATCH', id, '', { json: { expires_in_days: 30 } })
    expect([edit.status, edit.json.code]).toEqual([409, 'conflict'])
    const renamed = await act(gatehouse, ada, 'PATCH', id, '', { json: { name: 'was useful once' } })
    expect(renamed.json).toMatchObject({ name: 'was useful once', status: 'expired' })
    expect((await act(gatehouse, ada, 'POST', id, '/reactivate')).json.code).toBe('conflict')
    await act(gatehouse, ada, 'POST', id, '/revoke')
    expect((await act(gatehouse, ada, 'POST', id, '/reactivate')).json.code).toBe('conflict')
    expect(await isLive(gatehouse, key)).toBe(false)
  })

  test('there are at most ten live keys; revoked and expired ones make room', async () => {
    // S0-17 S2-29
    const keys: Created[] = []
    for (let n = 0; n < 10; n++) keys.push(await createKey(gatehouse, ada))
    const eleventh = await askForKey(gatehouse, ada)
    expect([eleventh.status, eleventh.json.code]).toEqual([409, 'limit_reached'])
    await createKey(gatehouse, await signInTo(gatehouse, 'acme'))
    await act(gatehouse, ada, 'POST', keys[0]!.id, '/revoke')
    await createKey(gatehouse, ada)
    const back = await act(gatehouse, ada, 'POST', keys[0]!.id, '/reactivate')
    expect([back.status, back.json.code]).toEqual([409, 'limit_reached'])
    expect(await isLive(gatehouse, keys[0]!.key)).toBe(false)
    await letExpire(gatehouse, keys[1]!.id)
    expect((await act(gatehouse, ada, 'POST', keys[0]!.id, '/reactivate')).status).toBe(200)
  })

  test('the list is newest first, by status, a page at a time, each key exactly once', async () => {
    // S0-39 S1-09 S2-32
    const keys: Created[] = []
    for (let n = 0; n < 9; n++) keys.push(await createKey(gatehouse, ada))
    await act(gatehouse, ada, 'POST', keys[0]!.id, '/revoke')
    await letExpire(gatehouse, keys[1]!.id)
    const idsOf = ({ items }: { items: Record<string, unknown>[] }) => items.map(({ id }) => id)
    const newestFirst = keys.map(({ id }) => id).reverse()
    expect(idsOf(await list())).toEqual([...newestFirst.filter((id) => id !== keys[1]!.id), keys[1]!.id])
    expect(idsOf(await list('?status=revoked'))).toEqual([keys[0]!.id])
    expect(idsOf(await list('?status=expired'))).toEqual([keys[1]!.id])
    expect(idsOf(await list('?status=active'))).toEqual(newestFirst.slice(0, 7))
    const paged: unknown[] = []
    let cursor: string | null = ''
    for (let page = 0; cursor !== null; page++) {
      const part: Awaited<ReturnType<typeof list>> = await list(`?limit=2${cursor ? `&cursor=${cursor}` : ''}`)
      paged.push(...idsOf(part))
      cursor = part.next_cursor
      // What is made meanwhile is newer than the page to come.
      if (page === 0) await createKey(gatehouse, ada)
    }
    expect(paged).toEqual([...newestFirst.filter((id) => id !== keys[1]!.id), keys[1]!.id])
  })

  test.each([
    'limit=0',
    'limit=101',
    'limit=x',
    'cursor=x',
    'cursor=W10',
    'status=dead',
    'page=2',
    'limit=1&limit=2',
    'limit=',
    'user=',
  ])('?%s is refused', async (query) => {
    const { status } = await call(gatehouse, `/v1/api-keys?${query}`, { headers: ada.headers })
    expect(status).toBe(query.includes('&') ? 400 : 422)
  })

  test('a key is listed with its last use', async () => {
    // S1-19
    const { id, key } = await createKey(gatehouse, ada)
    const before = Date.now()
    await gatehouse.introspect(key)
    const { last_used_at } = (await act(gatehouse, ada, 'GET', id)).json
    expect(Math.abs(Date.parse(String(last_used_at)) - before)).toBeLessThan(60_000)
    await act(gatehouse, ada, 'POST', id, '/revoke')
    await gatehouse.introspect(key)
    expect((await act(gatehouse, ada, 'GET', id)).json.last_used_at).toBe(last_used_at)
  })

  test('every change is in the audit log, without the key', async () => {
    const { id, key } = await createKey(gatehouse, ada, { name: 'audited' })
    await act(gatehouse, ada, 'PATCH', id, '', { json: { description: 'x' } })
    await act(gatehouse, ada, 'POST', id, '/revoke')
    await act(gatehouse, ada, 'POST', id, '/reactivate')
    await act(gatehouse, ada, 'DELETE', id)
    const events = await gatehouse.database.db
      .selectFrom('auditLog')
      .selectAll()
      .where('subjectName', '=', 'ada@acme.test/audited')
      .orderBy('id')
      .execute()
    expect(events.map(({ action }) => action)).toEqual([
      'api_key.created',
      'api_key.updated',
      'api_key.revoked',
      'api_key.reactivated',
      'api_key.deleted',
    ])
    expect(events[1]).toMatchObject({ before: { description: '' }, after: { description: 'x' } })
    expect(JSON.stringify(events)).not.toContain(key)
  })
})

/** Bit by bit, as the standard defines it (IEEE 802.3), to compare the library's with. */
function crc32(text: string): number {
  let crc = 0xffffffff
  for (const byte of Buffer.from(text)) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return (crc ^ 0xffffffff) >>> 0
}
