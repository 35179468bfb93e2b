import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Ask, asker, lastAudited, rightsOf, withCarol } from '#support/access.ts'
import type { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { createKey, type SignedIn, signInTo } from '#support/keys.ts'
import { openAccount, pathOf, textOf } from '#support/signed-in.ts'

const at = '/admin/grants'
const acme = '/v1/organizations/acme'

describe.each(availableDatabases())('the pages of grants on %s', (database) => {
  let gatehouse: Gatehouse
  let ada: SignedIn
  let ask: Ask
  let browser: Browser
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database, setup: withCarol })
    ada = await signInTo(gatehouse, 'acme')
    ask = asker(gatehouse, ada)
    browser = await openAccount(gatehouse, { path: at })
  })
  afterAll(() => gatehouse.stop())
  beforeEach(async () => {
    const none = { permissions: [], data_scopes: [] }
    await ask('PUT', `${acme}/members/carol%40acme.test/grants`, none)
    await ask('PUT', `${acme}/teams/readers/grants`, {
      permissions: ['configuration-items:read'],
      data_scopes: [{ source: 'kubernetes', scope_id: 'prod-cluster' }],
    })
  })

  const open = (path: string, by = browser) => by.get(`${gatehouse.url}${at}${path}`)
  const granted = async (path: string) => (await ask('GET', `${acme}/${path}/grants`)).json
  const carol = 'members/carol%40acme.test'
  const row = (name: string, by = browser) =>
    by.page.html
      .split('<tr')
      .map((part) => part.split('</tr>')[0] ?? '')
      .find((part) => part.includes(`<bdi>${name}</bdi>`)) ?? ''
  const dots = (name: string) => [...row(name).matchAll(/class="dot ([a-z]+)"/g)].map(([, state]) => state)
  /** What the page's form would send, with some boxes ticked and others not. */
  const save = (ticks: Record<string, string>, unticked: string[] = [], by = browser) => {
    const form = formFields(by)
    for (const name of unticked) delete form[name]
    return by.post(by.page.url.split('?')[0]!, { ...form, step: 'save', ...ticks })
  }
  const answer = (step: string) =>
    browser.submit({ step }, /action="(\/admin\/grants\/[^"]+)"/.exec(browser.page.html)?.[1])
  const formFields = (by: Browser): Record<string, string> => ({
    _csrf: by.hidden('_csrf')!,
    seen: by.hidden('seen')!,
    ...Object.fromEntries(
      [...by.page.html.matchAll(/<input type="checkbox" name="((?:may|add|drop):[^"]*)" checked>/g)].map(
        ([, name = '']) => [name.replaceAll('&#34;', '"'), 'on'],
      ),
    ),
  })

  test('show who has what, and from where', async () => {
    await ask('PUT', `${acme}/${carol}/grants`, { permissions: ['configuration-items:*'], data_scopes: [] })
    await open('')
    expect(browser.page.status).toBe(200)
    expect(browser.page.html).toContain('<title>Grants · Acme Corporation</title>')
    // configuration-items: read, write; reports: read
    expect(dots('readers')).toEqual(['direct', 'none', 'none'])
    expect(dots('writers')).toEqual(['none', 'direct', 'none'])
    expect(dots('Carol')).toEqual(['wildcard', 'wildcard', 'none'])
    expect(dots('Ada')).toEqual(['team', 'team', 'none'])
    expect(row('Ada')).toContain('All of proxmox')
    expect(row('Ada')).toContain('kubernetes: prod-cluster')
    expect(dots('nightly-export')).toEqual(['direct', 'none', 'none'])
    expect(browser.page.html).not.toContain('auditors')
  })

  test('find anybody by the beginning of their name or address', async () => {
    await open('')
    expect(row('Carol')).toBe('')
    await open('?q=carol%40')
    expect(row('Carol')).toContain('carol@acme.test')
    expect(row('Ada')).toBe('')
    expect(row('readers')).toBe('')
    await open('?q=READ')
    expect(row('readers')).not.toBe('')
    await open('?q=Grace')
    expect(row('Grace')).toBe('')
  })

  test('give a permission and a data scope, which hold at once', async () => {
    const { token: access } = await signInTo(gatehouse, 'acme', 'carol@acme.test')
    await open('/members/carol@acme.test')
    await save({ 'may:reports:read': 'on', source: 'kubernetes', scope_id: 'staging' })
    expect(pathOf(browser)).toMatch(/^\/admin\/grants\/members\/usr_\w+\?done=saved$/)
    expect(await rightsOf(gatehouse, access)).toEqual({
      active: true,
      permissions: ['reports:read'],
      data_scopes: [{ source: 'kubernetes', scope_id: 'staging' }],
    })
    const [entry] = await lastAudited(gatehouse, 1)
    expect(entry).toMatchObject({ actorName: 'ada@acme.test', subject: 'member carol@acme.test' })
  })

  test('add several data scopes, one after the other', async () => {
    await open('/members/carol@acme.test')
    await save({ source: 'ceph', step: 'add' })
    expect(browser.page.status).toBe(200)
    expect(await granted(carol)).toEqual({ permissions: [], data_scopes: [] })
    await save({ source: 'kubernetes', scope_id: 'a:b', step: 'add' })
    await save({})
    const scopes = [
      { source: 'ceph', scope_id: null },
      { source: 'kubernetes', scope_id: 'a:b' },
    ]
    expect(await granted(carol)).toEqual({ permissions: [], data_scopes: scopes })
  })

  test('say who would lose what before anything is taken away, once', async () => {
    const key = await createKey(gatehouse, ada, { name: 'Nightly' })
    await open('/teams/readers')
    await save({ 'drop:["kubernetes","prod-cluster"]': 'on' }, ['may:configuration-items:read'])
    expect(browser.page.status).toBe(200)
    expect(textOf(browser, 'change')).toMatch(/configuration-items:read.*kubernetes: prod-cluster/)
    expect(textOf(browser, 'people')).toMatch(/Ada ada@acme.test configuration-items:read kubernetes: prod-cluster/)
    expect(textOf(browser, 'api-keys')).toMatch(/Nightly of Ada/)
    expect(await granted('teams/readers')).toMatchObject({ permissions: ['configuration-items:read'] })
    await answer('take-away')
    expect(pathOf(browser)).toContain('?done=saved')
    expect(await granted('teams/readers')).toEqual({ permissions: [], data_scopes: [] })
    expect((await rightsOf(gatehouse, key.key)).permissions).toEqual(['configuration-items:write'])
  })

  test('go back from the question with all that was ticked', async () => {
    await open('/teams/readers')
    await save({ 'may:reports:read': 'on' }, ['may:configuration-items:read'])
    await answer('change')
    expect(Object.keys(formFields(browser))).toEqual(['_csrf', 'seen', 'may:reports:read'])
    expect(await granted('teams/readers')).toMatchObject({ permissions: ['configuration-items:read'] })
  })

  test('ask nothing where a wider grant takes the place of a narrower one', async () => {
    await open('/teams/readers')
    await save({ 'may:configuration-items:*': 'on', source: 'kubernetes' }, ['may:configuration-items:read'])
    expect(pathOf(browser)).toContain('?done=saved')
    expect(await granted('teams/readers')).toEqual({
      permissions: ['configuration-items:*'],
      data_scopes: [{ source: 'kubernetes', scope_id: null }],
    })
  })

  test('count what is given by the same change as kept', async () => {
    await ask('PUT', `${acme}/teams/readers/grants`, {
      permissions: ['reports:read', 'configuration-items:read'],
      data_scopes: [],
    })
    await open('/teams/readers')
    await save({ 'may:configuration-items:*': 'on' }, ['may:configuration-items:read', 'may:reports:read'])
    expect(textOf(browser, 'people')).toMatch(/ada@acme.test reports:read$/)
  })

  test('tell that nobody loses what they have from elsewhere', async () => {
    await ask('PUT', `${acme}/${carol}/grants`, { permissions: ['reports:read', '*'], data_scopes: [] })
    await ask('PUT', `${acme}/teams/readers/grants`, { permissions: ['configuration-items:write'], data_scopes: [] })
    await open('/teams/readers')
    await save({}, ['may:configuration-items:write'])
    expect(textOf(browser, 'nobody-loses')).toContain('Nobody loses anything')
  })

  test('tell what a service account loses, and when it was last used', async () => {
    await open('/service-accounts/nightly-export')
    await save({}, ['may:configuration-items:read'])
    expect(textOf(browser, 'service-account')).toMatch(/nightly-export.*configuration-items:read/)
  })

  test('refuse at its field what is wrong, and keep what was typed', async () => {
    await open('/members/carol@acme.test')
    await save({ 'may:nothing:such': 'on', 'may:reports:read': 'on' })
    expect(browser.page.status).toBe(422)
    expect(textOf(browser, 'error-may')).toContain('nothing:such')
    expect(Object.keys(formFields(browser))).toContain('may:reports:read')
    await open('/members/carol@acme.test')
    await save({ scope_id: 'prod', 'may:reports:read': 'on' })
    expect(browser.page.status).toBe(422)
    expect(textOf(browser, 'error-source')).toContain('Name the source')
    expect(browser.page.html).toContain('value="prod"')
    expect(Object.keys(formFields(browser))).toContain('may:reports:read')
    expect(await granted(carol)).toEqual({ permissions: [], data_scopes: [] })
  })

  test('refuse an edit of what has changed meanwhile, and show both changes', async () => {
    await open('/teams/readers')
    await ask('PUT', `${acme}/teams/readers/grants`, {
      permissions: ['configuration-items:read', 'reports:read'],
      data_scopes: [],
    })
    await save({ 'may:configuration-items:write': 'on' })
    expect(browser.page.status).toBe(412)
    expect(textOf(browser, 'theirs')).toMatch(/Taken away: kubernetes: prod-cluster .*Given: reports:read/)
    expect(textOf(browser, 'yours')).toMatch(/Given: configuration-items:write$/)
    expect((await granted('teams/readers')).permissions).toEqual(['configuration-items:read', 'reports:read'])
    // both changes stand in the form, and are saved by it
    await save({})
    expect(pathOf(browser)).toContain('?done=saved')
    expect(await granted('teams/readers')).toEqual({
      permissions: ['configuration-items:read', 'configuration-items:write', 'reports:read'],
      data_scopes: [],
    })
  })

  test('let one of two edits of the same page through', async () => {
    const other = await openAccount(gatehouse, { path: `${at}/members/carol@acme.test` })
    for (let round = 0; round < 5; round++) {
      await ask('PUT', `${acme}/${carol}/grants`, { permissions: [], data_scopes: [] })
      await Promise.all([open('/members/carol@acme.test'), open('/members/carol@acme.test', other)])
      const answers = await Promise.all([
        save({ 'may:reports:read': 'on' }),
        save({ 'may:configuration-items:read': 'on' }, [], other),
      ])
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 412])
      expect((await granted(carol)).permissions).toHaveLength(1)
    }
  })

  test('explain where a right comes from, or why it is missing', async () => {
    await ask('PUT', `${acme}/${carol}/grants`, { permissions: ['reports:*'], data_scopes: [] })
    await open('/members/carol@acme.test/why?permission=reports:read')
    expect(textOf(browser, 'allowed')).toBe('Allowed')
    expect(textOf(browser, 'because')).toContain('reports:*')
    await open('/members/ada@acme.test/why?permission=configuration-items:read')
    expect(textOf(browser, 'because')).toContain('The team readers')
    await open('/members/ada@acme.test/why?source=kubernetes&scope_id=prod-cluster')
    expect(textOf(browser, 'because')).toContain('kubernetes: prod-cluster')
    await open('/members/carol@acme.test/why?permission=configuration-items:write')
    expect(textOf(browser, 'allowed')).toBe('Not allowed')
    expect(textOf(browser, 'missing')).toContain('no grant of their own')
    await ask('PATCH', `${acme}/${carol}`, { active: false })
    await open('/members/carol@acme.test/why?permission=reports:read')
    expect(textOf(browser, 'missing')).toContain('switched off')
    await ask('PATCH', `${acme}/${carol}`, { active: true })
    for (const query of ['', '?permission=%00', '?source=', '?permission=a&permission=b']) {
      await open(`/members/carol@acme.test/why${query}`)
      expect(browser.page.status).toBe(200)
    }
  })

  test('know nothing of what belongs to another organization', async () => {
    const grace = await openAccount(gatehouse, { email: 'grace@globex.test', path: at })
    expect(grace.page.html).toContain('auditors')
    const { id } = (await ask('GET', `${acme}/teams/readers`)).json
    for (const path of [
      '/teams/readers',
      `/teams/${id}`,
      '/members/carol@acme.test',
      '/service-accounts/nightly-export',
    ]) {
      await open(path, grace)
      expect(grace.page.status, path).toBe(404)
      await grace.post(`${gatehouse.url}${at}${path}`, { _csrf: grace.hidden('_csrf') ?? '' })
      expect(grace.page.status, path).toBeGreaterThanOrEqual(403)
    }
    await open('/members/carol@acme.test/why?permission=reports:read', grace)
    expect(grace.page.status).toBe(404)
  })

  test('are for administrators, and their forms for these pages alone', async () => {
    const member = await openAccount(gatehouse, { email: 'carol@acme.test' })
    for (const path of ['', '/teams/readers', '/members/carol@acme.test', '/members/carol@acme.test/why']) {
      await open(path, member)
      expect(member.page.status, path).toBe(403)
    }
    await open('/members/carol@acme.test')
    const { _csrf, ...form } = formFields(browser)
    await browser.post(`${gatehouse.url}${at}/members/carol@acme.test`, { ...form, 'may:reports:read': 'on' })
    expect(browser.page.status).toBe(403)
    await open('/members/carol@acme.test')
    await browser.post(`${gatehouse.url}${at}/members/carol@acme.test`, { _csrf: browser.hidden('_csrf')!, seen: 'x' })
    expect(browser.page.status).toBe(400)
    expect(await granted(carol)).toEqual({ permissions: [], data_scopes: [] })
  })

  test('stay readable with 200 teams and 60 permissions', async () => {
    const permissions = Array.from({ length: 60 }, (_, n) => `thing-${n % 6}:action-${n}`)
    const teams = Array.from({ length: 200 }, (_, n) => ({
      name: `Team ${n} ${'of everything '.repeat(3)}`.trim().slice(0, 60),
      permissions: permissions.slice(n % 50, (n % 50) + 10),
    }))
    const large = await startGatehouse({
      database,
      setup: JSON.stringify({
        permissions: permissions.map((name) => ({ name })),
        users: [{ email: 'ada@acme.test', name: 'Ada', password: 'correct horse battery staple' }],
        organizations: [{ slug: 'acme', name: 'Acme', teams, members: [{ email: 'ada@acme.test', admin: true }] }],
      }),
    })
    try {
      const reader = await openAccount(large, { path: at })
      expect(reader.page.html.match(/aria-expanded="false"/g)).toHaveLength(6)
      expect(reader.page.html.length).toBeLessThan(60_000)
      const seen = new Set<string>()
      for (;;) {
        for (const [, name = ''] of reader.page.html.matchAll(/<bdi>(Team \d+)/g)) seen.add(name)
        const older = /href="([^"]*)" data-test="older-teams"/.exec(reader.page.html)?.[1]
        if (!older) break
        await reader.get(`${large.url}${older.replaceAll('&amp;', '&')}`)
      }
      expect(seen.size).toBe(200)
      await reader.get(`${large.url}${at}?open=thing-1`)
      expect(reader.page.html).toContain('>action-1</th>')
      expect(reader.page.html.length).toBeLessThan(60_000)
    } finally {
      await large.stop()
    }
  })
})
