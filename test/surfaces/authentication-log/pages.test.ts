import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { authenticate } from '#support/api-requests.ts'
import { idOf, organizationIdOf, parseCsv } from '#support/authentication-log.ts'
import { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { createKey, type SignedIn, signInTo } from '#support/keys.ts'
import { writeEntries } from '#support/log-entries.ts'
import { openAccount, pathOf, textOf } from '#support/signed-in.ts'

const path = '/account/authentication-log'

describe.each(availableDatabases())('the pages of the authentication log on %s', (database) => {
  let gatehouse: Gatehouse
  let ada: SignedIn
  let graceKey: Awaited<ReturnType<typeof createKey>>
  let adaKey: Awaited<ReturnType<typeof createKey>>
  let adas: { userId: string; organizationId: string }

  beforeAll(async () => {
    gatehouse = await startGatehouse({ database })
    ada = await signInTo(gatehouse, 'acme')
    adaKey = await createKey(gatehouse, ada, { name: '<b>Nightly</b> export' })
    graceKey = await createKey(gatehouse, await signInTo(gatehouse, 'globex', 'grace@globex.test'), { name: 'Postman' })
    adas = { userId: await idOf(gatehouse, 'ada@acme.test'), organizationId: await organizationIdOf(gatehouse, 'acme') }
    const use = { ip: '203.0.113.7', user_agent: 'curl/8.5.0', method: 'GET', path: '/items' }
    await gatehouse.introspect(adaKey.key, use)
    await gatehouse.introspect(graceKey.key, use)
  })
  afterAll(() => gatehouse.stop())

  const get = (browser: Browser, target: string) => browser.get(`${gatehouse.url}${target}`)
  const entries = ({ page }: Browser) => page.html.split('data-test="entry-').slice(1)

  // S1-18, S1-19, S1-20
  test('tell in plain words what was used, from where, and by whom it was checked', async () => {
    await authenticate(gatehouse, { email: 'ada@acme.test', password: 'wrong', organization: 'acme' })
    const browser = await openAccount(gatehouse, { path })
    expect([browser.page.status, pathOf(browser)]).toEqual([200, path])
    const key = entries(browser).find((entry) => entry.includes('Nightly')) ?? ''
    const words = key.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ')
    for (const said of [
      'Accepted',
      'API key, checked by inventory-api',
      'curl · 203.0.113.7',
      'GET /items',
      adaKey.id,
    ]) {
      expect(words).toContain(said)
    }
    expect(key).toContain('&lt;b&gt;Nightly&lt;/b&gt; export')
    expect(key).toMatch(/<time datetime="[^"]+Z" title="[^"]+ UTC">/)
    expect(key).toContain(`href="/account/api-keys/${adaKey.id}/revoke"`)
    const failed = entries(browser).find((entry) => entry.includes('The password was wrong.')) ?? ''
    expect(failed).toContain('Tried to sign in to')
    expect(failed).toContain('href="/account/security"')
    expect(failed).toContain('href="/account/sessions"')
    expect(browser.page.html).not.toContain('Postman')
    expect(browser.page.html).toMatch(/role="img" aria-label="Refused: 1 in 30 days, most on [^"]+ \(1\)"/)
    expect(browser.page.html).not.toMatch(/<script|style=|onclick/)
  })

  test('are narrowed by key, outcome and days, by a plain form', async () => {
    const noon = (day: number) => new Date(Date.UTC(2026, 0, day, 12))
    const old = { ...adas, credentialKind: 'api_key', credentialId: adaKey.id }
    await writeEntries(gatehouse, [
      { ...old, occurredAt: noon(5), userAgent: 'fifth' },
      { ...old, occurredAt: noon(6), userAgent: 'sixth', outcome: 'refused' },
      { ...adas, occurredAt: noon(6), userAgent: 'token' },
    ])
    const browser = await openAccount(gatehouse, { path })
    const seen = async (query: string) => {
      await get(browser, `${path}?${query}`)
      return entries(browser).map((entry) => /<dt>User agent<\/dt><dd>([^<]*)/.exec(entry)?.[1])
    }
    const empty = 'api_key=&outcome=&from=&to='
    expect((await seen(empty)).length).toBeGreaterThan(3)
    expect(await seen('from=2026-01-05&to=2026-01-06')).toEqual(['token', 'sixth', 'fifth'])
    expect(await seen('from=2026-01-06&to=2026-01-06')).toEqual(['token', 'sixth'])
    expect(await seen(`api_key=${adaKey.id}&from=2026-01-01&to=2026-01-31`)).toEqual(['sixth', 'fifth'])
    expect(browser.page.html).toContain(`<option value="${adaKey.id}" selected>`)
    expect(await seen(`api_key=${adaKey.id}&outcome=refused&from=2026-01-01&to=2026-01-31`)).toEqual(['sixth'])
    expect(await seen('from=2020-01-01&to=2020-01-02')).toEqual([])
    expect(textOf(browser, 'no-entries')).toContain('Nothing matches')
    await get(browser, `${path}?from=yesterday`)
    expect([browser.page.status, textOf(browser, 'error-from')]).toEqual([422, 'Choose a day, such as 2027-01-31.'])
  })

  test('go on to older ones, and stay below 60 KB', async () => {
    const at = (n: number) => new Date(Date.UTC(2025, 11, 1) + n)
    const long = { userAgent: 'Mozilla/5.0 (X11; Linux) '.repeat(10).slice(0, 256) }
    await writeEntries(
      gatehouse,
      Array.from({ length: 45 }, (_, n) => ({ ...adas, ...long, occurredAt: at(n) })),
    )
    const browser = await openAccount(gatehouse, { path })
    await get(browser, `${path}?from=2025-12-01&to=2025-12-01`)
    const seen = new Set<string>()
    for (let page = 0; page < 3; page++) {
      expect(Buffer.byteLength(browser.page.html)).toBeLessThan(60_000)
      for (const entry of entries(browser)) seen.add(entry.split('"')[0]!)
      const older = /href="([^"]+)" data-test="older"/.exec(browser.page.html)?.[1]
      expect(older !== undefined).toBe(page < 2)
      if (older) await get(browser, older.replaceAll('&amp;', '&').replaceAll('&#38;', '&'))
    }
    expect(seen.size).toBe(45)
  })

  test("show an administrator everybody's, and nobody else", async () => {
    const admin = '/admin/authentication-log'
    const browser = await openAccount(gatehouse, { path: admin, email: 'grace@globex.test' })
    expect(browser.page.html).toContain('Postman')
    expect(browser.page.html).toContain('Grace')
    expect(browser.page.html).not.toContain('Nightly')
    expect(browser.page.html).toContain(`href="/admin/api-keys/${graceKey.id}/revoke"`)
    await get(browser, `${admin}?user=ada%40acme.test`)
    expect(browser.page.html).not.toContain('Postman')
    await get(browser, `${admin}?user=nobody%40example.test`)
    expect([browser.page.status, textOf(browser, 'error-user')]).toEqual([
      404,
      'Nobody in this organization has this address.',
    ])
    await get(browser, `${admin}?api_key=${adaKey.id}`)
    expect(browser.page.status).toBe(404)
    await get(browser, `${path}?user=*`)
    expect(browser.page.html).not.toContain('Nightly')

    // Ada is no administrator of Globex.
    const member = await openAccount(gatehouse, { path: admin, pick: 'globex' })
    expect(member.page.status).toBe(403)
    await get(member, `${path}?api_key=${graceKey.id}`)
    expect(member.page.status).toBe(403)
    for (const extension of ['csv', 'ndjson']) {
      await get(member, `${admin}.${extension}`)
      expect(member.page.status).toBe(403)
    }
  })

  test('give the same as a file', async () => {
    const browser = await openAccount(gatehouse, { path })
    await get(browser, `${path}?from=2026-01-05&to=2026-01-06`)
    const href = /href="([^"]+)" data-test="export-csv"/.exec(browser.page.html)?.[1]?.replaceAll('&amp;', '&') ?? ''
    await get(browser, href)
    expect(browser.page.headers.get('content-disposition')).toBe('attachment; filename="authentication-log.csv"')
    expect(
      parseCsv(browser.page.html)
        .slice(1)
        .map((row) => row[13]),
    ).toEqual(['token', 'sixth', 'fifth'])
    await get(browser, href.replace('.csv', '.ndjson'))
    const lines = browser.page.html
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.map(({ user_agent }) => user_agent)).toEqual(['token', 'sixth', 'fifth'])
    const stranger = new Browser()
    await get(stranger, `${path}.csv`)
    expect(stranger.page.html).toContain('data-test="login"')
  })
})
