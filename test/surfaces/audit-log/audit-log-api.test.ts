import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifyAuditLog } from '#foundation/audit/verify-audit-log.ts'
import { call, databases } from '#support/api-requests.ts'
import { type Gatehouse, setup, startGatehouse } from '#support/gatehouse.ts'
import { createKey, type SignedIn, signInTo } from '#support/keys.ts'

const people = setup
  .replace(
    'organizations:\n',
    '  - { email: carol@acme.test, name: "=Carol", password: "correct horse battery staple" }\n$&',
  )
  .replace('  - slug: globex\n', '      - { email: carol@acme.test }\n$&')

interface Entry {
  id: string
  actor: { kind: string; id: string; name: string; owner: { id: string; name: string } | null }
  action: string
  organization: { slug: string } | null
  [field: string]: unknown
}

describe.each(databases)('the audit log through the API on %s', (database) => {
  let gatehouse: Gatehouse
  let ada: SignedIn
  let grace: SignedIn
  let root: SignedIn
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database, setup: people })
    ada = await signInTo(gatehouse, 'acme')
    grace = await signInTo(gatehouse, 'globex', 'grace@globex.test')
    root = await signInTo(gatehouse, 'acme', 'root@example.test')
  })
  afterAll(() => gatehouse.stop())

  const ask = (by: { headers: Record<string, string> }, query = '', accept = 'application/json') =>
    call(gatehouse, `/v1/audit-log${query}`, { headers: { ...by.headers, accept } })
  const list = async (by: { headers: Record<string, string> }, query = '') => {
    const { status, json } = await ask(by, query)
    expect(status).toBe(200)
    return (json as { items: Entry[] }).items
  }
  const change = (by: { headers: Record<string, string> }, active: boolean) =>
    call(gatehouse, '/v1/organizations/acme/members/carol@acme.test', {
      method: 'PATCH',
      headers: by.headers,
      json: { active },
    })

  test('a change tells who, by which door, from where, on what, before and after', async () => {
    const answer = await change(ada, false)
    expect(answer.status).toBe(200)
    const [entry] = await list(ada)
    expect(entry).toEqual({
      id: expect.stringMatching(/^\d+$/),
      occurred_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
      actor: { kind: 'user', id: expect.stringMatching(/^usr_/), name: 'ada@acme.test', owner: null },
      via: 'api',
      action: 'member.updated',
      subject: { kind: 'member', id: expect.stringMatching(/^usr_/), name: 'carol@acme.test' },
      organization: expect.objectContaining({ slug: 'acme' }),
      before: { admin: false, active: true },
      after: { admin: false, active: false },
      ip: '127.0.0.1',
      request_id: answer.headers['x-request-id'],
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
  })

  test('what an API key did names the key and its owner, and is found by either', async () => {
    const { id, key } = await createKey(gatehouse, ada, { name: 'nightly', administration: true })
    const byKey = { headers: { 'x-api-key': key } }
    expect((await change(byKey, true)).status).toBe(200)
    const [entry] = await list(byKey)
    const owner = { id: expect.stringMatching(/^usr_/), name: 'ada@acme.test' }
    expect(entry?.actor).toEqual({ kind: 'api_key', id, name: 'nightly', owner })
    expect(await list(ada, `?actor=${id}`)).toEqual([entry])
    const byPerson = await list(ada, '?actor=ada@acme.test&limit=100')
    expect(byPerson).toContainEqual(entry)
    expect(new Set(byPerson.map(({ actor }) => actor.kind))).toEqual(new Set(['user', 'api_key']))
    const ids = byPerson.map(({ id }) => Number(id))
    expect(ids).toEqual(ids.toSorted((a, b) => b - a))
  })

  test('filters narrow it to an actor, an action, a subject and a time, together too', async () => {
    const everything = await list(ada, '?limit=100')
    const of = (matches: (entry: Entry) => boolean) => everything.filter(matches)
    expect(await list(ada, '?actor=setup_file&limit=100')).toEqual(of(({ actor }) => actor.kind === 'setup_file'))
    expect(await list(ada, '?action=member.updated')).toEqual(of(({ action }) => action === 'member.updated'))
    const carol = await list(ada, '?subject=carol@acme.test')
    expect(carol.map(({ action }) => action)).toEqual(['member.updated', 'member.updated', 'member.added'])
    expect(await list(ada, '?subject=carol@acme.test&action=member.added&actor=setup_file')).toEqual([carol[2]])
    expect(await list(ada, `?from=${carol[0]!.occurred_at}`)).toEqual([carol[0]])
    expect(await list(ada, '?to=2020-01-01')).toEqual([])
    expect(await list(ada, '?actor=nobody@nowhere.test')).toEqual([])
  })

  test('pages follow each other without a gap', async () => {
    const everything = await list(ada, '?limit=100')
    const paged: Entry[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { json } = await ask(ada, `?limit=2${cursor && `&cursor=${cursor}`}`)
      const page = json as { items: Entry[]; next_cursor: string | null }
      paged.push(...page.items)
      cursor = page.next_cursor
    }
    expect(paged).toEqual(everything)
  })

  test('an administrator sees their organization’s, a superadmin every one’s and the deployment’s', async () => {
    const slugs = async (by: SignedIn, query = '') =>
      new Set((await list(by, `?limit=100${query}`)).map(({ organization }) => organization?.slug ?? null))
    expect(await slugs(ada)).toEqual(new Set(['acme']))
    expect(await slugs(ada, '&organization=acme')).toEqual(new Set(['acme']))
    expect(await slugs(grace)).toEqual(new Set(['globex']))
    expect(await slugs(root)).toEqual(new Set([null, 'acme', 'globex']))
    expect(await slugs(root, '&organization=globex')).toEqual(new Set(['globex']))
    expect(await slugs(root, '&organization=-')).toEqual(new Set([null]))
    await gatehouse.apply('organizations: [{ slug: globex, active: false }]')
    expect(await slugs(root, '&organization=globex')).toEqual(new Set(['globex']))
    await gatehouse.apply('organizations: [{ slug: globex, active: true }]')
  })

  test('another organization’s is 404, a plain member’s question 403, and no filter opens either', async () => {
    expect((await ask(ada, '?organization=globex')).status).toBe(404)
    expect((await ask(grace, '?organization=acme')).status).toBe(404)
    expect((await ask(ada, '?organization=-')).status).toBe(404)
    expect((await ask(root, '?organization=nowhere')).status).toBe(404)
    const [foreign] = await list(grace)
    for (const filter of [`actor=${foreign!.actor.id}`, 'subject=grace@globex.test']) {
      for (const entry of await list(ada, `?${filter}`)) expect(entry.organization?.slug).toBe('acme')
    }
    const carol = await signInTo(gatehouse, 'acme', 'carol@acme.test')
    expect((await ask(carol)).status).toBe(403)
    expect((await ask({ headers: {} })).status).toBe(401)
  })

  test.each(['?nothing=1', '?limit=101', '?from=yesterday', '?cursor=x', '?actor=%00'])(
    '%s is refused as 422',
    async (query) => {
      expect((await ask(ada, query)).status).toBe(422)
    },
  )

  test('leaves as CSV that no spreadsheet runs, and as NDJSON with the same entries', async () => {
    const everything = await list(ada, '?limit=100')
    const ndjson = await ask(ada, '?limit=1', 'application/x-ndjson')
    expect(ndjson.headers['content-disposition']).toContain('audit-log.ndjson')
    const lines = ndjson.text.trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toEqual(everything)
    await createKey(gatehouse, ada, { name: '=cmd()' })
    const csv = await ask(ada, '?action=api_key.created', 'text/csv')
    const [head, first] = csv.text.split('\r\n')
    expect(head).toMatch(/^id,occurred_at,actor_kind,actor_id,actor_name,/)
    expect(first).toContain('ada@acme.test/=cmd()')
    const byKey = await createKey(gatehouse, ada, { name: '=1+1', administration: true })
    await change({ headers: { 'x-api-key': byKey.key } }, false)
    expect((await ask(ada, `?actor=${byKey.id}`, 'text/csv')).text).toContain(`,'=1+1,`)
  })

  test('no secret is in it, and all of it is one chain each', async () => {
    const { key } = await createKey(gatehouse, ada, { name: 'secret' })
    const text = (await ask(root, '', 'application/x-ndjson')).text
    for (const secret of [key, 'correct horse battery staple', '$argon2id', 'client_secret":"']) {
      const found = text.replaceAll(/"client_secret":"(set|none|replaced)"/g, '').includes(secret)
      expect(found, secret).toBe(false)
    }
    expect((await verifyAuditLog(gatehouse.database.db)).filter(({ problem }) => problem)).toEqual([])
  })
})
