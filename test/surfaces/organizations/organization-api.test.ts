import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { call, databases } from '#support/api-requests.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { createKey, isLive, type SignedIn, signInTo } from '#support/keys.ts'

describe.each(databases)('organizations through the API on %s', (database) => {
  let gatehouse: Gatehouse
  let ada: SignedIn
  let grace: SignedIn
  let root: SignedIn
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database })
    ada = await signInTo(gatehouse, 'acme')
    grace = await signInTo(gatehouse, 'globex', 'grace@globex.test')
    root = await signInTo(gatehouse, 'acme', 'root@example.test')
  })
  afterAll(() => gatehouse.stop())

  const ask = (by: SignedIn, path = '', json?: unknown, method = json ? 'PATCH' : 'GET') =>
    call(gatehouse, `/v1/organizations${path}`, { method, json, headers: by.headers })
  const outcome = ({ status, json }: Awaited<ReturnType<typeof ask>>) => [status, json.code]
  const slugs = async (by: SignedIn, query = '') =>
    ((await ask(by, query)).json.items as { slug: string }[]).map(({ slug }) => slug).sort()
  const audited = (action: string) =>
    gatehouse.database.db.selectFrom('auditLog').selectAll().where('action', '=', action).execute()

  test('a person lists their own, a superadmin all, by beginning and state, page after page', async () => {
    expect(await slugs(ada)).toEqual(['acme', 'globex'])
    expect(await slugs(grace)).toEqual(['globex'])
    expect(await slugs(root)).toEqual(['acme', 'globex'])
    expect(await slugs(root, '?q=ACM')).toEqual(['acme'])
    expect(await slugs(root, '?q=%25')).toEqual([])
    expect(await slugs(root, '?active=false')).toEqual([])
    const first = (await ask(root, '?limit=1')).json as { items: { slug: string }[]; next_cursor: string }
    expect(await slugs(root, `?limit=1&cursor=${first.next_cursor}`)).not.toEqual([first.items[0]!.slug])
  })

  test('a superadmin makes one; a name or slug that another has, or that looks like it, is refused', async () => {
    const make = (by: SignedIn, json: unknown) => ask(by, '', json, 'POST')
    const { status, json } = await make(root, { slug: 'initech', name: 'Initech', accent_color: '#1A5FB4' })
    expect([status, json]).toMatchObject([
      201,
      { slug: 'initech', name: 'Initech', active: true, accent_color: '#1a5fb4' },
    ])
    expect((await audited('organization.created')).filter(({ subjectName }) => subjectName === 'initech')).toHaveLength(
      1,
    )
    expect(outcome(await make(root, { slug: 'initech', name: 'Something else' }))).toEqual([409, 'conflict'])
    expect(outcome(await make(root, { slug: 'initech-2', name: 'ınitech' }))).toEqual([422, 'validation_failed'])
    expect(outcome(await make(root, { slug: 'Up', name: 'Upper' }))).toEqual([422, 'validation_failed'])
    expect(outcome(await make(ada, { slug: 'mine', name: 'Mine' }))).toEqual([403, 'permission_denied'])
  })

  test('an admin edits theirs, field by field, and nothing that changes nothing is audited', async () => {
    const before = (await audited('organization.updated')).length
    const edited = await ask(ada, '/acme', { name: 'Acme Inc', logo_url: 'https://acme.example/logo.svg' })
    expect(edited.json).toMatchObject({ name: 'Acme Inc', logo_url: 'https://acme.example/logo.svg' })
    expect((await ask(ada, '/acme', { name: 'Acme Inc' })).headers.etag).toBe(edited.headers.etag)
    const [event, ...more] = (await audited('organization.updated')).slice(before)
    expect(more).toEqual([])
    expect(event).toMatchObject({ before: { name: 'Acme Corporation', logo_url: null }, actorKind: 'user', via: 'api' })
    // Another spelling of one's own name is one's own.
    expect((await ask(ada, '/acme', { name: 'ACME INC' })).status).toBe(200)
    expect(outcome(await ask(ada, '/acme', { name: 'Glôbex' }))).toEqual([422, 'validation_failed'])
    expect((await ask(ada, '/acme', { logo_url: null })).json.logo_url).toBeNull()
  })

  test('a default language is one that there is, or none', async () => {
    expect((await ask(ada, '/acme', { default_locale: 'de' })).json).toMatchObject({ default_locale: 'de' })
    const { status, json } = await ask(ada, '/acme', { default_locale: 'tlh' })
    expect([status, json.errors]).toEqual([422, [{ path: 'default_locale', message: 'must be one of en, de, fr' }]])
    expect((await ask(ada, '/acme', { default_locale: null })).json.default_locale).toBeNull()
  })

  test('a colour that nobody could read is refused in words', async () => {
    const { status, json } = await ask(ada, '/acme', { accent_color: '#ffffcc' })
    expect([status, json.errors]).toMatchObject([422, [{ path: 'accent_color' }]])
    expect(JSON.stringify(json.errors)).toMatch(/too pale.*4\.5 : 1.*#[0-9a-f]{6} would do/)
    expect((await ask(ada, '/acme', { accent_color: '#ff8800' })).status).toBe(200)
  })

  test('a member reads it and changes nothing; to others it is not there; no field but its own is taken', async () => {
    const adaInGlobex = await signInTo(gatehouse, 'globex')
    expect((await ask(adaInGlobex, '/globex')).status).toBe(200)
    expect(outcome(await ask(adaInGlobex, '/globex', { name: 'Mine' }))).toEqual([403, 'permission_denied'])
    expect(outcome(await ask(grace, '/acme'))).toEqual([404, 'not_found'])
    expect(outcome(await ask(grace, '/acme', { name: 'Mine' }))).toEqual([404, 'not_found'])
    for (const field of ['slug', 'id', 'created_at', 'superadmin']) {
      expect(outcome(await ask(ada, '/acme', { [field]: 'x' }))).toEqual([422, 'validation_failed'])
    }
  })

  test('a superadmin suspends one in person, at once for keys and tokens, and wakes it up again', async () => {
    const { key } = await createKey(gatehouse, grace)
    expect(outcome(await ask(grace, '/globex', { active: false }))).toEqual([403, 'permission_denied'])
    const { key: rootKey } = await createKey(gatehouse, root, { administration: true })
    const byKey = { method: 'PATCH', json: { active: false }, headers: { 'x-api-key': rootKey } }
    expect(outcome(await call(gatehouse, '/v1/organizations/globex', byKey))).toEqual([403, 'permission_denied'])
    expect(await isLive(gatehouse, key)).toBe(true)

    expect((await ask(root, '/globex', { active: false })).json.active).toBe(false)
    expect(await isLive(gatehouse, key)).toBe(false)
    expect((await ask(grace, '/globex')).status).toBe(401)
    expect(await slugs(root, '?active=false')).toEqual(['globex'])
    expect((await ask(root, '/globex', { active: true })).json.active).toBe(true)
    expect(await isLive(gatehouse, key)).toBe(true)
    expect(await audited('organization.suspended')).toHaveLength(1)
  })
})
