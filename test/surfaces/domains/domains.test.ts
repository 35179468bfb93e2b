import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { findOrganizationOfDomain } from '#directory/organizations/organization-queries.ts'
import { dnsTxtResolver, verifyDomain } from '#directory/organizations/verify-domain.ts'
import { findActor } from '#directory/users/actor.ts'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import { bearer, call, databases, newTokens } from '#support/api-requests.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { type NameServer, startNameServer } from '#support/name-server.ts'

interface Domain {
  domain: string
  status: string
  record: { type: string; name: string; value: string }
  verified_at: string | null
}

describe.each(databases)("an organization's e-mail domains on %s", (database) => {
  let names: NameServer
  let gatehouse: Gatehouse
  let ada: string
  let grace: string
  beforeAll(async () => {
    names = await startNameServer()
    gatehouse = await startGatehouse({ database, resolveTxt: dnsTxtResolver([names.address]) })
    ada = (await newTokens(gatehouse, { email: 'ada@acme.test', org: 'acme' })).access
    grace = (await newTokens(gatehouse)).access
  })
  afterAll(async () => {
    await gatehouse.stop()
    names.stop()
  })
  beforeEach(() => names.records.clear())

  const send = (method: string, path: string, json?: unknown, token = ada, slug = 'acme') =>
    call(gatehouse, `/v1/organizations/${slug}/domains${path}`, { method, json, ...bearer(token) })
  const ofGlobex = (method: string, path: string, json?: unknown) => send(method, path, json, grace, 'globex')
  const ownerOf = async (domain: string) => (await findOrganizationOfDomain(gatehouse.database.db, domain))?.slug
  let count = 0
  const newDomain = () => `domain-${++count}.test`
  async function claim(domain: string, by: typeof ofGlobex = send): Promise<Domain> {
    const { status, json } = await by('POST', '', { domain })
    expect(status).toBe(201)
    return json as unknown as Domain
  }
  const publish = ({ record }: Domain) => names.records.set(record.name, [['v=spf1 -all'], [record.value]])

  test('are claimed, proved by a TXT record, and then steer', async () => {
    const domain = newDomain()
    const claimed = await claim(domain.toUpperCase())
    expect(claimed).toEqual({
      domain,
      status: 'pending',
      record: {
        type: 'TXT',
        name: `_gatehouse-challenge.${domain}`,
        value: expect.stringMatching(/^gatehouse-domain-verification=[\w-]{43}$/),
      },
      verified_at: null,
      created_at: expect.stringMatching(/^\d{4}-/),
    })
    expect(await ownerOf(domain)).toBeUndefined()

    const early = await send('POST', `/${domain}/verify`)
    expect([early.status, early.json.code]).toEqual([409, 'conflict'])
    expect(early.json.detail).toContain(claimed.record.value)
    expect(await ownerOf(domain)).toBeUndefined()

    publish(claimed)
    const verified = await send('POST', `/${domain}/verify`)
    expect(verified.json).toMatchObject({ domain, status: 'verified', verified_at: expect.stringMatching(/^\d{4}-/) })
    expect(await ownerOf(domain)).toBe('acme')

    // It stays the organization's when the record goes.
    names.records.clear()
    expect((await send('POST', `/${domain}/verify`)).json).toEqual(verified.json)

    expect((await send('DELETE', `/${domain}`)).status).toBe(204)
    expect(await ownerOf(domain)).toBeUndefined()
    expect((await send('DELETE', `/${domain}`)).status).toBe(404)
  })

  test('every change is in the audit log', async () => {
    const domain = newDomain()
    publish(await claim(domain))
    await send('POST', `/${domain}/verify`)
    await send('DELETE', `/${domain}`)
    const events = await gatehouse.database.db
      .selectFrom('auditLog')
      .select(['action', 'before'])
      .where('subjectId', '=', domain)
      .orderBy('id')
      .execute()
    expect(events).toEqual([
      { action: 'domain.created', before: null },
      { action: 'domain.verified', before: null },
      { action: 'domain.deleted', before: { verified: true } },
    ])
  })

  test('a record in several parts counts; a part of it, another case or another name does not', async () => {
    const domain = newDomain()
    const { record } = await claim(domain)
    const { name, value } = record
    for (const wrong of [value.slice(0, -1), `${value}x`, value.toUpperCase(), value.split('=')[1]!]) {
      names.records.set(name, [[wrong]])
      expect((await send('POST', `/${domain}/verify`)).status).toBe(409)
    }
    names.records.clear()
    names.records.set(domain, [[value]])
    expect((await send('POST', `/${domain}/verify`)).status).toBe(409)
    names.records.set(name, [[value.slice(0, 20), value.slice(20)]])
    expect((await send('POST', `/${domain}/verify`)).status).toBe(200)
  })

  test('may be claimed by many and belong to one; the record of one proves nothing for another', async () => {
    const domain = newDomain()
    const [ours, theirs] = [await claim(domain), await claim(domain, ofGlobex)]
    expect(ours.record.name).toBe(theirs.record.name)
    expect(ours.record.value).not.toBe(theirs.record.value)
    publish(ours)
    expect((await ofGlobex('POST', `/${domain}/verify`)).status).toBe(409)
    expect((await send('POST', `/${domain}/verify`)).status).toBe(200)

    publish(theirs)
    const late = await ofGlobex('POST', `/${domain}/verify`)
    expect([late.status, late.json.detail]).toEqual([409, expect.stringContaining('Another organization')])
    expect(await ownerOf(domain)).toBe('acme')

    await send('DELETE', `/${domain}`)
    expect((await ofGlobex('POST', `/${domain}/verify`)).status).toBe(200)
    expect(await ownerOf(domain)).toBe('globex')
  })

  test('of two that prove one at the same moment one gets it', async () => {
    const domain = newDomain()
    const [ours, theirs] = [await claim(domain), await claim(domain, ofGlobex)]
    names.records.set(ours.record.name, [[ours.record.value], [theirs.record.value]])
    const answers = await Promise.all([send('POST', `/${domain}/verify`), ofGlobex('POST', `/${domain}/verify`)])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409])
  })

  test('are listed page by page, those of the setup file as verified', async () => {
    const claimed = [newDomain(), newDomain(), `${'a'.repeat(60)}.${'b'.repeat(60)}.test`]
    for (const domain of claimed) await claim(domain, ofGlobex)
    const seen: string[] = []
    for (let cursor = ''; ; ) {
      const { json } = await ofGlobex('GET', `?limit=1${cursor}`)
      seen.push(...(json.items as Domain[]).map(({ domain }) => domain))
      if (json.next_cursor === null) break
      cursor = `&cursor=${json.next_cursor}`
    }
    expect(seen.slice(0, 3)).toEqual(claimed.reverse())
    expect(new Set(seen).size).toBe(seen.length)
    const { items } = (await send('GET', '?limit=100')).json as { items: Domain[] }
    expect(items.find(({ domain }) => domain === 'acme.test')?.status).toBe('verified')
  })

  test('are refused when they are no domains, or there already', async () => {
    for (const domain of ['localhost', '127.0.0.1', 'a b.test', 'acme.test/x', '', 'x@acme.test']) {
      const { status, json } = await send('POST', '', { domain })
      expect([status, (json.errors as { path: string }[])[0]?.path]).toEqual([422, 'domain'])
    }
    expect((await send('POST', '', { domain: 'acme.test' })).status).toBe(409)
    expect((await send('POST', '/unclaimed.test/verify')).status).toBe(404)
  })

  test("are the business of the organization's admins", async () => {
    const ways: [string, string, unknown?][] = [
      ['GET', ''],
      ['POST', '', { domain: 'taken.test' }],
      ['POST', '/acme.test/verify'],
      ['DELETE', '/acme.test'],
    ]
    const auditor = await newTokens(gatehouse, { email: 'ada@acme.test', org: 'globex' })
    const statuses = async (token: string, slug: string) => {
      const found: number[] = []
      for (const [method, path, json] of ways) found.push((await send(method, path, json, token, slug)).status)
      return found
    }
    expect(await statuses(grace, 'acme')).toEqual([404, 404, 404, 404])
    expect(await statuses(auditor.access, 'globex')).toEqual([403, 403, 403, 403])
    expect((await call(gatehouse, '/v1/organizations/acme/domains')).status).toBe(401)
    expect(await ownerOf('acme.test')).toBe('acme')
  })
})

describe('a name server', () => {
  let names: NameServer
  let gatehouse: Gatehouse
  let grace: string
  const path = '/v1/organizations/globex/domains'
  const claim = async (domain: string) =>
    (await call(gatehouse, path, { json: { domain }, ...bearer(grace) })).json as unknown as Domain
  beforeAll(async () => {
    names = await startNameServer()
    gatehouse = await startGatehouse({ resolveTxt: dnsTxtResolver([names.address]) })
    grace = (await newTokens(gatehouse)).access
  })
  afterAll(async () => {
    await gatehouse.stop()
    names.stop()
  })

  test('is asked nothing for what was never claimed or is verified by another', async () => {
    await claim('acme.test')
    for (const domain of ['acme.test', 'unclaimed.test']) {
      await call(gatehouse, `${path}/${domain}/verify`, { method: 'POST', ...bearer(grace) })
    }
    expect(names.asked).toEqual([])
  })

  test('may know a record from before the encryption key was replaced', async () => {
    const { record } = await claim('old.test')
    const { db } = gatehouse.database
    const organization = await db
      .selectFrom('organizations')
      .selectAll()
      .where('slug', '=', 'globex')
      .executeTakeFirstOrThrow()
    const user = await db
      .selectFrom('users')
      .selectAll()
      .where('email', '=', 'grace@globex.test')
      .executeTakeFirstOrThrow()
    const actor = await findActor(db, { user, organizationId: organization.id })
    const verifying = (keys: readonly Buffer[]) =>
      verifyDomain(
        db,
        { encryption: encryptionWith(keys), resolveTxt: async () => [record.value] },
        { organization, actor },
        'old.test',
      )
    await expect(verifying([randomBytes(32)])).rejects.toThrow('no TXT record')
    expect(await verifying([randomBytes(32), ...gatehouse.config.encryptionKeys])).toMatchObject({
      verifiedAt: expect.any(Date),
    })
  })

  test('that says nothing is told as such, within seconds', async () => {
    await claim('silent.test')
    names.fallSilent()
    const started = Date.now()
    const answer = await call(gatehouse, `${path}/silent.test/verify`, { method: 'POST', ...bearer(grace) })
    expect([answer.status, answer.json.code]).toEqual([503, 'temporarily_unavailable'])
    expect(answer.headers['retry-after']).toBe('60')
    expect(Date.now() - started).toBeLessThan(8_000)
    expect(names.asked).toContain('_gatehouse-challenge.silent.test')
  })
})
