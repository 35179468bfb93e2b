import { get } from 'node:http'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packLog } from '#credentials/log/pack-log.ts'
import { call, databases, deployOn } from '#support/api-requests.ts'
import {
  askLog,
  type Entry,
  idOf,
  organizationIdOf,
  parseCsv,
  readLog,
  withoutReading,
} from '#support/authentication-log.ts'
import { logEntries } from '#support/credential-requests.ts'
import type { Gatehouse } from '#support/gatehouse.ts'
import { act, createKey, type SignedIn, signInTo } from '#support/keys.ts'
import { writeEntries } from '#support/log-entries.ts'
import type { Deployment } from '#support/wire.ts'

const atOnce = { waitSeconds: 0, youngSeconds: 0 }

const fields = [
  'id',
  'occurred_at',
  'outcome',
  'reason',
  'credential',
  'via',
  'user',
  'organization',
  'resource_server',
  'ip',
  'user_agent',
  'method',
  'path',
  'count',
]

describe.each(databases)('the authentication log of the API on %s', (database) => {
  let deployment: Deployment
  let gatehouse: Gatehouse
  let ada: SignedIn
  let adaInGlobex: SignedIn
  let grace: SignedIn
  let member: SignedIn
  let ids: Record<'ada' | 'grace' | 'acme' | 'globex', string>

  beforeAll(async () => {
    deployment = await deployOn(database)
    gatehouse = deployment.gatehouse
    ada = await signInTo(gatehouse, 'acme')
    adaInGlobex = await signInTo(gatehouse, 'globex')
    grace = await signInTo(gatehouse, 'globex', 'grace@globex.test')
    // Ada is no administrator of Globex, Grace is.
    member = adaInGlobex
    ids = {
      ada: await idOf(gatehouse, 'ada@acme.test'),
      grace: await idOf(gatehouse, 'grace@globex.test'),
      acme: await organizationIdOf(gatehouse, 'acme'),
      globex: await organizationIdOf(gatehouse, 'globex'),
    }
  })
  afterAll(() => deployment.stop())

  const titles = (entries: Entry[]) => entries.map(({ user_agent }) => user_agent)

  test('a superadmin reads every organization’s entries and those of none, or one organization’s', async () => {
    await writeEntries(gatehouse, [
      { userId: ids.ada, organizationId: ids.acme, userAgent: 'all: Acme' },
      { userId: ids.grace, organizationId: ids.globex, userAgent: 'all: Globex' },
      { userId: ids.grace, organizationId: null, userAgent: 'all: none' },
    ])
    await gatehouse.introspect('garbage-of-a-stranger')
    const root = await signInTo(gatehouse, 'acme', 'root@example.test')
    const everything = await readLog(gatehouse, root, { user: '*' })
    expect(titles(everything)).toEqual(expect.arrayContaining(['all: Acme', 'all: Globex', 'all: none']))
    expect(everything.find(({ user_agent }) => user_agent === 'all: Globex')!.organization).toMatchObject({
      slug: 'globex',
    })
    expect(everything.some(({ reason, count }) => reason === 'unknown' && count >= 1)).toBe(true)
    const ofGlobex = titles(await readLog(gatehouse, root, { user: '*', organization: 'globex' }))
    expect(ofGlobex).toContain('all: Globex')
    expect(ofGlobex).not.toContain('all: Acme')
    for (const name of ['globex', 'nowhere']) {
      expect((await askLog(gatehouse, ada, `?user=*&organization=${name}`)).status).toBe(404)
    }
    expect(titles(await readLog(gatehouse, ada, { user: '*' }))).not.toContain('all: Globex')
  })

  // S1-20
  test('holds one’s own: here, and before an organization was chosen, newest first', async () => {
    await writeEntries(gatehouse, [
      { userId: ids.ada, organizationId: ids.acme, userAgent: 'own: in Acme' },
      { userId: ids.ada, organizationId: null, userAgent: 'own: before' },
      { userId: ids.ada, organizationId: ids.globex, userAgent: 'own: in Globex' },
      { userId: ids.grace, organizationId: ids.globex, userAgent: 'own: Grace' },
    ])
    const own = async (by: SignedIn, query = {}) =>
      titles(await readLog(gatehouse, by, query)).filter((title) => title?.startsWith('own: '))
    expect(await own(ada)).toEqual(['own: before', 'own: in Acme'])
    expect(await own(adaInGlobex)).toEqual(['own: in Globex', 'own: before'])
    expect(await own(ada, { user: ids.ada })).toEqual(['own: before', 'own: in Acme'])
    expect(await own(ada, { user: 'ADA@acme.test' })).toEqual(['own: before', 'own: in Acme'])
    const entries = await readLog(gatehouse, ada)
    for (const entry of entries) expect(Object.keys(entry)).toEqual(fields)
    expect(entries.map(({ occurred_at }) => occurred_at)).toEqual(
      entries
        .map(({ occurred_at }) => occurred_at)
        .toSorted()
        .toReversed(),
    )
  })

  test('shows an administrator the whole organization, a member, or a key, and nothing of another one', async () => {
    await writeEntries(gatehouse, [
      { userId: ids.ada, organizationId: ids.globex, userAgent: 'org: Ada in Globex' },
      { userId: ids.ada, organizationId: ids.acme, userAgent: 'org: Ada in Acme' },
      { userId: ids.ada, organizationId: null, userAgent: 'org: Ada before' },
      { userId: ids.grace, organizationId: ids.globex, userAgent: 'org: Grace' },
    ])
    const seen = async (query: Record<string, string>) =>
      titles(await readLog(gatehouse, grace, query)).filter((title) => title?.startsWith('org: '))
    expect(await seen({ user: '*' })).toEqual(['org: Grace', 'org: Ada in Globex'])
    expect(await seen({ user: ids.ada })).toEqual(['org: Ada in Globex'])
    expect(await seen({ user: 'ada@acme.test' })).toEqual(['org: Ada in Globex'])
    expect(await seen({})).toEqual(['org: Grace'])

    const key = await createKey(gatehouse, member)
    await gatehouse.introspect(key.key)
    for (const user of [undefined, '*', 'ada@acme.test']) {
      expect(await readLog(gatehouse, grace, { ...(user && { user }), api_key: key.id })).toHaveLength(1)
    }
    expect(await readLog(gatehouse, grace, { user: ids.grace, api_key: key.id })).toHaveLength(0)
  })

  test('is closed to whoever is no administrator, and says nothing of other organizations', async () => {
    const [acmeKey, graceKey] = [await createKey(gatehouse, ada), await createKey(gatehouse, grace)]
    await gatehouse.introspect(acmeKey.key)
    const statuses = async (by: SignedIn, queries: string[]) =>
      Promise.all(
        queries.flatMap((query) =>
          ['application/json', 'text/csv', 'application/x-ndjson'].map(async (accept) => {
            const { status, json } = await askLog(gatehouse, by, query, { accept })
            return [status, json.code].join(' ')
          }),
        ),
      )
    const refused = (answer: string, count: number) => Array(count * 3).fill(answer)
    const forbidden = [`?user=*`, `?user=${ids.grace}`, `?user=grace@globex.test`, `?api_key=${graceKey.id}`]
    expect(await statuses(member, forbidden)).toEqual(refused('403 permission_denied', 4))
    // Noor belongs nowhere; Acme's key is another organization's for Grace, and for Ada while she acts in Globex.
    const nobodys = [
      '?user=nobody@example.test',
      '?user=usr_nobody',
      '?user=%00',
      `?api_key=${acmeKey.id}`,
      '?api_key=key_x',
    ]
    for (const by of [grace, member]) expect(await statuses(by, nobodys)).toEqual(refused('404 not_found', 5))
    expect((await askLog(gatehouse, ada, `?user=${ids.grace}`)).status).toBe(404)
    const without = { token: '', headers: {} as Record<string, string> }
    expect((await askLog(gatehouse, without)).status).toBe(401)
    // A position taken from one's own list opens nothing else.
    const { json } = await askLog(gatehouse, grace, '?user=*&limit=1')
    const entries = (await askLog(gatehouse, ada, `?cursor=${json.next_cursor}`)).json.items as Entry[]
    expect(entries.filter(({ organization }) => organization?.slug === 'globex')).toEqual([])
  })

  test('keeps the uses of a key that was deleted, and of a member who left', async () => {
    const key = await createKey(gatehouse, member, { name: 'Short-lived' })
    await gatehouse.introspect(key.key)
    expect((await act(gatehouse, member, 'DELETE', key.id)).status).toBe(204)
    // Whoever still holds it is known by its id, name and owner, also while another key has the name.
    await createKey(gatehouse, member, { name: 'Short-lived' })
    expect((await gatehouse.introspect(key.key)).json).toEqual({ active: false })
    const credential = { id: key.id, name: 'Short-lived' }
    for (const by of [member, grace]) {
      expect(await readLog(gatehouse, by, { api_key: key.id })).toMatchObject([
        { credential, outcome: 'refused', reason: 'deleted', user: { email: expect.any(String) } },
        { credential, outcome: 'accepted' },
      ])
    }
    const { db } = gatehouse.database
    const gone = await idOf(gatehouse, 'nobody@example.test')
    await writeEntries(gatehouse, [{ userId: gone, organizationId: ids.globex, userAgent: 'left' }])
    expect(titles(await readLog(gatehouse, grace, { user: 'nobody@example.test' }))).toEqual(['left'])
    await sql`delete from authentication_log_batches
      where holder && array(select id from authentication_log_holders where user_id = ${gone})`.execute(db)
  })

  test('is filtered by time and outcome, together with all else', async () => {
    const at = (time: string) => new Date(`2026-03-${time}Z`)
    const entry = { userId: ids.ada, organizationId: ids.acme }
    await writeEntries(gatehouse, [
      { ...entry, userAgent: 'evening of the 9th', occurredAt: at('09T23:59:59.999') },
      { ...entry, userAgent: 'midnight', occurredAt: at('10T00:00:00') },
      { ...entry, userAgent: 'noon', occurredAt: at('10T12:00:00'), outcome: 'refused' },
      { ...entry, userAgent: 'late', occurredAt: at('10T23:59:59.999') },
      { ...entry, userAgent: 'the 11th', occurredAt: at('11T00:00:00') },
    ])
    const seen = async (query: Record<string, string>) => titles(await readLog(gatehouse, ada, query))
    const day = { from: '2026-03-10', to: '2026-03-10' }
    expect(await seen(day)).toEqual(['late', 'noon', 'midnight'])
    expect(await seen({ ...day, outcome: 'refused' })).toEqual(['noon'])
    expect(await seen({ ...day, outcome: 'accepted', user: '*' })).toEqual(['late', 'midnight'])
    expect(await seen({ from: '2026-03-10T12:00:00Z', to: '2026-03-10T23:59:59.999Z' })).toEqual(['noon'])
    expect(await seen({ from: '2026-03-10T14:00:00+02:00', to: '2026-03-11T00:00:00.001Z' })).toEqual([
      'the 11th',
      'late',
      'noon',
    ])
    expect(await seen({ from: '2026-03-12', to: '2026-03-01' })).toEqual([])
  })

  test.each([
    ['from=yesterday', 'from'],
    ['from=2026-13-01', 'from'],
    ['from=0000-01-01', 'from'],
    ['to=2026-02-30', 'to'],
    ['to=0000-01-01T00:00:00Z', 'to'],
    ['to=1', 'to'],
    ['outcome=maybe', 'outcome'],
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['cursor=x', 'cursor'],
    [`cursor=${cursorOf('2026-01-01T00:00:00Z', 'key_1')}`, 'cursor'],
    [`cursor=${cursorOf('0000-01-01T00:00:00Z', '1')}`, 'cursor'],
    [`cursor=${cursorOf('2026-01-01T00:00:00Z', '9'.repeat(30))}`, 'cursor'],
    ['org=acme', 'org'],
    ['userId=1', 'userId'],
  ])('refuses %s, naming the parameter', async (query, field) => {
    const { status, json } = await askLog(gatehouse, ada, `?${query}`)
    expect([status, json.code]).toEqual([422, 'validation_failed'])
    expect((json.errors as { path: string }[]).map(({ path }) => path)).toEqual([field])
  })

  test('ends with the calendar', async () => {
    for (const query of [
      'to=9999-12-31',
      'from=0001-01-01',
      'from=0001-01-01T00:00:00%2B14:00',
      'to=9999-12-31T23:59:59-14:00',
    ]) {
      expect((await askLog(gatehouse, ada, `?${query}`)).status).toBe(200)
    }
  })

  test('gives every entry exactly once, page by page on any node, while new ones arrive', async () => {
    // 250 of one microsecond, as a batch writes them, in the midst of others.
    const moment = (ms: number) => new Date(Date.UTC(2026, 3, 1) + ms)
    const at = (n: number) => (n >= 200 && n < 450 ? moment(200) : moment(n))
    const entry = { userId: ids.ada, organizationId: ids.acme, userAgent: 'paged' }
    await writeEntries(
      gatehouse,
      Array.from({ length: 700 }, (_, n) => ({ ...entry, occurredAt: at(n) })),
    )
    const query = `from=2026-04-01&to=2026-04-01&limit=37`
    const seen: string[] = []
    let cursor: string | null = ''
    for (let page = 0; cursor !== null; page++) {
      const port = deployment.ports[page % 2]!
      const { json } = await askLog(gatehouse, ada, `?${query}${cursor && `&cursor=${cursor}`}`, { port })
      seen.push(...(json.items as Entry[]).map(({ id }) => id))
      cursor = json.next_cursor as string | null
      await writeEntries(gatehouse, [{ ...entry, userAgent: 'later', occurredAt: moment(10_000 + page) }])
    }
    const written = (await logEntries(gatehouse, 'paged')).map(({ id }) => String(id))
    expect(seen).toHaveLength(700)
    expect(new Set(seen)).toEqual(new Set(written))
  })

  test('has a use in the very next read, on another node, whatever is packed meanwhile', async () => {
    const key = await createKey(gatehouse, ada)
    for (let n = 1; n <= 12; n++) {
      await gatehouse.introspect(key.key, { path: `/next/${n}` })
      const packing = packLog(gatehouse.database.db, atOnce)
      const port = deployment.ports[n % 2]!
      const { items } = (await askLog(gatehouse, ada, `?api_key=${key.id}`, { port })).json as { items: Entry[] }
      expect(items.map(({ path }) => path)).toEqual(Array.from({ length: n }, (_, before) => `/next/${n - before}`))
      const { last_used_at } = (await act(gatehouse, ada, 'GET', key.id, '', { port })).json
      expect(Date.parse(String(last_used_at))).toBe(Date.parse(items[0]!.occurred_at))
      await packing
    }
  })

  test('is exported whole, the same as the list', async () => {
    const entry = { userId: ids.grace, organizationId: ids.globex }
    const at = (n: number) => new Date(Date.UTC(2026, 4, 1) + Math.floor(n / 3))
    const some = Array.from({ length: 2_345 }, (_, n) => ({ ...entry, occurredAt: at(n) }))
    await writeEntries(gatehouse, some.slice(0, 1_800))
    await packLog(gatehouse.database.db, { ...atOnce, most: 700 })
    await writeEntries(gatehouse, some.slice(1_800))
    const query = { from: '2026-05-01', to: '2026-05-01', user: '*' }
    const listed = await readLog(gatehouse, grace, { ...query, limit: '100' })
    expect(listed).toHaveLength(2_345)
    const text = new URLSearchParams(query)
    const ndjson = await askLog(gatehouse, grace, `?${text}`, { accept: 'application/x-ndjson' })
    expect(ndjson.headers).toMatchObject({
      'content-type': 'application/x-ndjson; charset=utf-8',
      'content-disposition': 'attachment; filename="authentication-log.ndjson"',
      'cache-control': 'no-store',
      vary: 'Accept',
    })
    expect(
      ndjson.text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(listed)
    const csv = await askLog(gatehouse, grace, `?${text}&limit=5`, { accept: 'text/csv' })
    expect(csv.headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': 'attachment; filename="authentication-log.csv"',
    })
    const [head, ...rows] = parseCsv(csv.text)
    expect(head).toEqual(
      'id,occurred_at,outcome,reason,credential_id,credential_kind,credential_name,via,user_id,user_email,organization,resource_server,ip,user_agent,method,path,count'.split(
        ',',
      ),
    )
    expect(rows.map(([id, time]) => [id, time])).toEqual(listed.map(({ id, occurred_at }) => [id, occurred_at]))
    expect((await askLog(gatehouse, grace, `?${text}`, { accept: '*/*' })).headers['content-type']).toMatch(
      /^application\/json/,
    )
    expect((await askLog(gatehouse, grace, '?from=x', { accept: 'text/csv' })).status).toBe(422)
  })

  test('is exported as text that no spreadsheet runs', async () => {
    const odd = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '  =1', '＝1', 'a"b,c', 'plain', '"=1"', 'x=1']
    const key = await createKey(gatehouse, ada, { name: '=HYPERLINK("https://evil.example","Click")' })
    for (const user_agent of odd) await gatehouse.introspect(key.key, { user_agent })
    const { text } = await askLog(gatehouse, ada, `?api_key=${key.id}`, { accept: 'text/csv' })
    const rows = parseCsv(text).slice(1).toReversed()
    expect(rows.map((row) => row[13])).toEqual(
      odd.map((value) => value.replace('\t', ' ')).map((value) => (/^\s*[=+\-@＝]/.test(value) ? `'${value}` : value)),
    )
    expect(new Set(rows.map((row) => row[6]))).toEqual(new Set(['\'=HYPERLINK("https://evil.example","Click")']))
    expect(rows.every((row) => row.length === 17)).toBe(true)
  })

  test('stops exporting when nobody reads any more', async () => {
    const entry = { userId: ids.grace, organizationId: ids.globex, userAgent: 'x'.repeat(250) }
    const at = new Date(Date.UTC(2026, 5, 1))
    await writeEntries(
      gatehouse,
      Array.from({ length: 12_000 }, () => ({ ...entry, occurredAt: at })),
    )
    const target = { host: '127.0.0.1', port: gatehouse.config.port, path: '/v1/authentication-log?user=*' }
    const host = new URL(gatehouse.url).host
    await new Promise<void>((resolve, reject) => {
      const headers = { ...grace.headers, host, accept: 'text/csv' }
      const request = get({ ...target, headers }, (response) => {
        response.once('data', () => {
          response.destroy()
          resolve()
        })
      })
      request.on('error', reject)
    })
    // Its connections are free for others, and nothing failed.
    expect((await call(gatehouse, '/v1/me', { headers: grace.headers })).status).toBe(200)
    expect(gatehouse.logLines.filter((line) => line.includes('failed'))).toEqual([])
    expect(
      withoutReading(await readLog(gatehouse, grace, { limit: '1', from: '2026-05-31', to: '2026-05-31' })),
    ).toEqual([])
  })

  test('describes itself, files included', async () => {
    const { json } = await call(gatehouse, '/openapi.json')
    const route = (json.paths as Record<string, Record<string, never>>)['/v1/authentication-log']?.get as unknown as {
      parameters: { name: string; schema: object }[]
      responses: Record<string, { content: object }>
    }
    expect(route.parameters.map(({ name }) => name).toSorted()).toEqual([
      'api_key',
      'cursor',
      'from',
      'limit',
      'organization',
      'outcome',
      'to',
      'user',
    ])
    for (const { schema } of route.parameters) expect(Object.keys(schema)).not.toEqual([])
    expect(Object.keys(route.responses[200]!.content)).toEqual(['application/json', 'text/csv', 'application/x-ndjson'])
  })
})

function cursorOf(at: string, id: string): string {
  return Buffer.from(JSON.stringify([at, id])).toString('base64url')
}
