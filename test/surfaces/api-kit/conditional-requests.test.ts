import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Call, call, databases, deployOn } from '#support/api-requests.ts'
import type { Gatehouse } from '#support/gatehouse.ts'
import { createKey, isLive, type SignedIn, signInTo } from '#support/keys.ts'
import type { Deployment } from '#support/wire.ts'

describe.each(databases)('conditional and repeated requests on %s', (database) => {
  let deployment: Deployment
  let gatehouse: Gatehouse
  let ports: number[]
  let ada: SignedIn
  beforeAll(async () => {
    deployment = await deployOn(database)
    ;({ gatehouse } = deployment)
    ports = deployment.ports
    ada = await signInTo(gatehouse, 'acme')
  })
  afterAll(() => deployment.stop())

  const port = (n: number) => ports[n % ports.length]!
  const ask = (path: string, { headers, ...more }: Call = {}) =>
    call(gatehouse, path, { ...more, headers: { ...ada.headers, ...headers } })
  const newKey = async () => `/v1/api-keys/${(await createKey(gatehouse, ada)).id}`
  const etagOf = async (path: string) => String((await ask(path)).headers.etag)
  const edit = (path: string, description: string, etag: string, node = 0) =>
    ask(path, { method: 'PATCH', json: { description }, headers: { 'if-match': etag }, port: port(node) })
  const codeOf = ({ status, json }: Awaited<ReturnType<typeof ask>>) => [status, json.code]

  describe('If-Match', () => {
    test('an edit with the ETag of the read goes through, and answers with the next one', async () => {
      const path = await newKey()
      const read = await etagOf(path)
      const edited = await edit(path, 'first', read)
      expect(edited.status).toBe(200)
      expect(edited.headers.etag).not.toBe(read)
      expect(edited.headers.etag).toBe(await etagOf(path))
    })

    test('a stale one is 412, for an edit and for a deletion, and nothing changes', async () => {
      const path = await newKey()
      const stale = await etagOf(path)
      await edit(path, 'first', stale)
      expect(codeOf(await edit(path, 'second', stale))).toEqual([412, 'precondition_failed'])
      const deletion = await ask(path, { method: 'DELETE', headers: { 'if-match': stale } })
      expect(codeOf(deletion)).toEqual([412, 'precondition_failed'])
      expect((await ask(path)).json.description).toBe('first')
    })

    test('an edit that changes nothing leaves the ETag, and so does a use of the key', async () => {
      const { id, key } = await createKey(gatehouse, ada)
      const path = `/v1/api-keys/${id}`
      const etag = await etagOf(path)
      expect(await isLive(gatehouse, key)).toBe(true)
      expect((await edit(path, '', etag)).headers.etag).toBe(etag)
      expect(await etagOf(path)).toBe(etag)
    })

    test('of ten edits at once with one ETag, over all nodes, exactly one succeeds', async () => {
      const path = await newKey()
      const etag = await etagOf(path)
      const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => edit(path, `edit ${n}`, etag, n)))
      expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(412)])
    })

    test('a weak tag never matches; a list and * may', async () => {
      const path = await newKey()
      const etag = await etagOf(path)
      expect((await edit(path, 'weak', `W/${etag}`)).status).toBe(412)
      expect((await edit(path, 'list', `"other", ${etag}`)).status).toBe(200)
      expect((await edit(path, 'any', '*')).status).toBe(200)
    })

    test('what has not changed is not sent again', async () => {
      const path = await newKey()
      const etag = await etagOf(path)
      const { status, text } = await ask(path, { headers: { 'if-none-match': etag } })
      expect([status, text]).toEqual([304, ''])
    })

    test('whether an object may be seen is decided before the body and the precondition', async () => {
      const grace = await signInTo(gatehouse, 'globex', 'grace@globex.test')
      const request = { method: 'PATCH', json: { no_such_field: 1 }, headers: { ...grace.headers, 'if-match': '"x"' } }
      expect(codeOf(await call(gatehouse, await newKey(), request))).toEqual([404, 'not_found'])
    })
  })

  describe('Idempotency-Key', () => {
    let keys = 0
    const invite = (email: string, key: string, node = 0) =>
      ask('/v1/organizations/acme/members', { json: { email }, headers: { 'idempotency-key': key }, port: port(node) })
    const create = (name: string, key: string, node = 0) =>
      ask('/v1/api-keys', {
        json: { name, expires_in_days: 7 },
        headers: { 'idempotency-key': key },
        port: port(node),
      })
    const next = () => `request-${++keys}`

    test('of ten at once, over all nodes, one is done and all get its answer', async () => {
      const key = next()
      const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => create('ten at once', key, n)))
      expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
      expect(answers[0]?.status).toBe(201)
      const { items } = (await ask('/v1/api-keys?limit=100')).json as { items: { name: string }[] }
      expect(items.filter(({ name }) => name === 'ten at once')).toHaveLength(1)
    })

    test('a repeat is answered as the first was, also without an answer to give', async () => {
      const key = next()
      const first = await invite('repeat@acme.test', key)
      expect(first.status).toBe(202)
      expect(await invite('repeat@acme.test', key, 1)).toMatchObject({ status: 202, text: first.text })
    })

    test('another request under the same key is refused, and so is a key that is none', async () => {
      const key = next()
      await invite('one@acme.test', key)
      const other = await invite('two@acme.test', key)
      expect(codeOf(other)).toEqual([422, 'validation_failed'])
      expect(other.json.errors).toMatchObject([{ path: 'Idempotency-Key' }])
      expect(codeOf(await invite('three@acme.test', 'not a key'))).toEqual([400, 'invalid_request'])
    })

    test('a request that was refused may be sent again under its key', async () => {
      const key = next()
      expect((await create('', key)).status).toBe(422)
      const name = 'taken while refused'
      const { id } = await createKey(gatehouse, ada, { name })
      expect((await create(name, key)).status).toBe(409)
      await ask(`/v1/api-keys/${id}`, { method: 'DELETE' })
      expect((await create(name, key)).status).toBe(201)
    })

    test('keys of different callers are different keys', async () => {
      const key = next()
      const grace = await signInTo(gatehouse, 'globex', 'grace@globex.test')
      const mine = await create('mine', key)
      const hers = await call(gatehouse, '/v1/api-keys', {
        json: { name: 'hers', expires_in_days: 7 },
        headers: { ...grace.headers, 'idempotency-key': key },
      })
      expect([mine.status, hers.status]).toEqual([201, 201])
      expect(hers.json.key).not.toBe(mine.json.key)
    })

    afterEach(async () => {
      await gatehouse.database.db.deleteFrom('credentials').where('kind', '=', 'api_key').execute()
    })

    test('a secret is kept encrypted, for ten minutes: then the repeat is a conflict and makes nothing', async () => {
      const key = next()
      const first = await create('secret', key)
      expect((await create('secret', key)).json.key).toBe(first.json.key)
      const kept = await gatehouse.database.db.selectFrom('idempotentAnswers').selectAll().execute()
      for (const { answer } of kept) expect(answer.toString('latin1')).not.toContain(String(first.json.key))
      const end = Date.now() + 601_000
      expect(kept.filter(({ expiresAt }) => expiresAt.getTime() < end).length).toBeGreaterThan(0)
      await gatehouse.database.db
        .updateTable('idempotentAnswers')
        .set({ expiresAt: new Date(Date.now() - 1000) })
        .execute()
      expect(codeOf(await create('secret', key))).toEqual([409, 'conflict'])
    })
  })
})
