import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import type { Gatehouse } from '#support/gatehouse.ts'
import { makeKey, startWithMembers } from '#support/key-forms.ts'
import { isLive } from '#support/keys.ts'
import { latestLink, letLinksExpire, liveLinks, mailsTo } from '#support/mails.ts'
import { openAccount, pathOf, textOf } from '#support/signed-in.ts'

const list = '/admin/members'

describe.each(availableDatabases())('the pages of members on %s', (database) => {
  let gatehouse: Gatehouse
  let ada: Browser
  beforeAll(async () => {
    gatehouse = await startWithMembers(database)
    ada = await openAccount(gatehouse, { path: list })
  })
  afterAll(() => gatehouse.stop())

  const at = (path: string) => `${gatehouse.url}${path}`
  const idOf = async (email: string) => {
    const users = gatehouse.database.db.selectFrom('users').select('id')
    return (await users.where('email', '=', email).executeTakeFirstOrThrow()).id
  }
  const pageOf = async (email: string) => `${list}/${await idOf(email)}`
  const post = (browser: Browser, path: string, fields: Record<string, string>) =>
    browser.post(at(path), { _csrf: browser.hidden('_csrf')!, ...fields })
  const superadminIn = async (organization: string) => {
    const root = await openAccount(gatehouse, { email: 'root@example.test', path: '/account/organizations' })
    await post(root, '/account/organizations', { organization })
    expect(root.page.status).toBe(200)
    return root
  }
  const shown = async (query: Record<string, string> = {}) => {
    await ada.get(at(`${list}?${new URLSearchParams(query)}`))
    expect(ada.page.status).toBe(200)
    return [...ada.page.html.matchAll(/<small class="note">([^<@]+@[^<]+)</g)].map(([, email]) => email).sort()
  }
  const invite = (fields: Record<string, string>) => post(ada, `${list}/invite`, fields)
  const outcomes = () =>
    [...ada.page.html.matchAll(/data-test="outcome-(\w+)"><span class="outcome-of">([^<]*)</g)].map(
      ([, outcome, email]) => [email, outcome],
    )

  test('list everybody, found by the beginning of name or address, by kind and by team', async () => {
    const all = ['ada@acme.test', 'alan@acme.test', 'gone@acme.test', 'root@example.test']
    expect(await shown()).toEqual(all)
    expect(ada.page.html).not.toMatch(/<b>Turing/)
    expect(textOf(ada, `member-${await idOf('ada@acme.test')}`)).toContain('Administrator readers writers')
    expect(await shown({ q: 'AL' })).toEqual(['alan@acme.test'])
    expect(await shown({ q: 'al', team: 'writers' })).toEqual([])
    expect(textOf(ada, 'no-members')).toContain('No member matches')
    expect(await shown({ who: 'admins' })).toEqual(['ada@acme.test'])
    expect(await shown({ who: 'deactivated' })).toEqual(['gone@acme.test'])
    expect(await shown({ team: 'readers' })).toEqual(['ada@acme.test', 'alan@acme.test'])
    // another organization's team is as unknown as one that never was
    expect(await shown({ team: 'auditors' })).toEqual([])
    expect(textOf(ada, 'no-members')).toContain('There is no team called auditors')
    for (const query of [{ q: '\0' }, { q: '%' }, { cursor: 'nonsense' }, { who: 'nonsense' }] as Record<
      string,
      string
    >[]) {
      await ada.get(at(`${list}?${new URLSearchParams(query)}`))
      expect([query, ada.page.status]).toEqual([query, 200])
    }
  })

  test('are for administrators: others are refused, and superadmins see the same in every organization', async () => {
    const alan = await openAccount(gatehouse, { email: 'alan@acme.test', path: list })
    const addresses = [list, `${list}/invite`, `${list}/invitations`, await pageOf('ada@acme.test')]
    for (const path of addresses) {
      await alan.get(at(path))
      expect([path, alan.page.status]).toEqual([path, 403])
    }
    const csrf = await alan.get(at('/account/profile')).then(() => alan.hidden('_csrf')!)
    for (const [path, fields] of [
      [`${list}/invite`, { emails: 'friend@acme.test', admin: 'yes' }],
      [await pageOf('alan@acme.test'), { change: 'promote' }],
      [await pageOf('ada@acme.test'), { change: 'remove' }],
    ] as [string, Record<string, string>][]) {
      await alan.post(at(path), { _csrf: csrf, ...fields })
      expect([path, alan.page.status]).toEqual([path, 403])
    }
    expect(await mailsTo(gatehouse, 'friend@acme.test')).toEqual([])
    const root = await superadminIn('globex')
    await root.get(at(list))
    expect(root.page.status).toBe(200)
    expect(root.page.html).toContain('grace@globex.test')
    expect(root.page.html).not.toContain('alan@acme.test')
  })

  test('another organization’s member is not found, by page or by form', async () => {
    const grace = await pageOf('grace@globex.test')
    for (const path of [grace, `${grace}/demote`, `${grace}/deactivate`, `${grace}/remove`, `${list}/nobody`]) {
      await ada.get(at(path))
      expect([path, ada.page.status]).toEqual([path, 404])
    }
    // an address is no name of a page
    expect((await ada.get(at(`${list}/alan@acme.test`))).status).toBe(404)
    await ada.get(at(`${list}/invite`))
    const _csrf = ada.hidden('_csrf')!
    expect((await ada.post(at(grace), { _csrf, change: 'remove' })).status).toBe(404)
    expect((await ada.post(at(`${grace}/teams`), { _csrf, team: 'readers' })).status).toBe(404)
    expect((await ada.post(at(await pageOf('alan@acme.test')), { change: 'remove' })).status).toBe(403)
  })

  test('several are invited at once, into the same teams, by whatever was pasted', async () => {
    await ada.get(at(`${list}/invite`))
    const readers = /name="(team:[^"]+)"[^>]*><bdi>readers</.exec(ada.page.html)![1]!
    const emails = 'Bob <bob@elsewhere.test>, "C" <carol@elsewhere.test>;dora@elsewhere.test\r\nBOB@elsewhere.test'
    await invite({ emails, [readers]: 'yes', admin: 'yes' })
    expect(pathOf(ada)).toBe(`${list}/invitations?invited=3`)
    expect(textOf(ada, 'invited')).toBe('3 people have been invited.')
    expect(textOf(ada, 'open-invitations')).toBe('3')
    for (const email of ['bob', 'carol', 'dora'].map((name) => `${name}@elsewhere.test`)) {
      expect(await liveLinks(gatehouse, email)).toBe(1)
      expect(ada.page.html).toContain(email)
    }
    expect(textOf(ada, 'invitations')).toMatch(/bob@elsewhere.test Administrator and readers/)
    expect(textOf(ada, 'invitations')).toMatch(/Waiting The link works until \d+ \w+ \d+ Ada/)
  })

  test('each address is told what became of it, and what can be mended stays in the form', async () => {
    await ada.get(at(`${list}/invite`))
    const emails = 'erin@elsewhere.test\nALAN@acme.test, gone@acme.test bob@elsewhere.test\tnot an address\nx@y@z'
    await invite({ emails, admin: 'yes' })
    expect(ada.page.status).toBe(422)
    expect(textOf(ada, 'invited')).toContain('1 person has been invited.')
    expect(outcomes()).toEqual([
      ['ALAN@acme.test', 'member'],
      ['gone@acme.test', 'deactivated'],
      ['bob@elsewhere.test', 'open'],
      ['not an address', 'not_an_address'],
      ['x@y@z', 'not_an_address'],
    ])
    expect(/<textarea[^>]*>([^<]*)</.exec(ada.page.html)![1]).toBe('not an address\nx@y@z')
    expect(ada.page.html).toMatch(/name="admin" value="yes" checked/)
    // the same again, as a reload sends it, invites nobody twice
    await invite({ emails, admin: 'yes' })
    expect(outcomes()[0]).toEqual(['erin@elsewhere.test', 'open'])
    expect(await mailsTo(gatehouse, 'erin@elsewhere.test')).toHaveLength(1)
  })

  test('an empty form, too many addresses and a foreign team are refused with what was typed', async () => {
    await invite({ emails: ' ,; \n' })
    expect([ada.page.status, textOf(ada, 'error-emails')]).toEqual([422, 'Type or paste at least one address.'])
    const many = Array.from({ length: 201 }, (_, n) => `p${n}@elsewhere.test`).join(' ')
    await invite({ emails: many, admin: 'yes' })
    expect(ada.page.status).toBe(422)
    expect(textOf(ada, 'error-emails')).toBe('These are 201 addresses. Invite at most 200 at a time.')
    expect(ada.page.html).toContain('p200@elsewhere.test')
    const auditors = await gatehouse.database.db
      .selectFrom('teams')
      .select('id')
      .where('name', '=', 'auditors')
      .execute()
    await invite({ emails: 'zoe@elsewhere.test', [`team:${auditors[0]!.id}`]: 'yes' })
    expect([ada.page.status, textOf(ada, 'error-teams')]).toEqual([422, 'Choose teams of this organization.'])
    expect(ada.page.html).toContain('zoe@elsewhere.test')
    expect(await mailsTo(gatehouse, 'zoe@elsewhere.test')).toEqual([])
  })

  test('an open invitation is sent again and withdrawn; another organization’s is not there', async () => {
    const invitations = `${list}/invitations`
    await ada.get(at(invitations))
    const [, id] =
      /data-test="resend-([^"]+)" aria-label="[^"]*dora@|aria-label="Resend[^"]*dora@elsewhere.test" data-test="resend-([^"]+)"/
        .exec(ada.page.html)!
        .filter(Boolean) as [string, string]
    const first = await latestLink(gatehouse, 'dora@elsewhere.test', 'invitation')
    await letLinksExpire(gatehouse)
    await ada.get(at(invitations))
    expect(textOf(ada, `invitation-${id}`)).toContain('Expired The link no longer works.')
    await post(ada, `${invitations}/${id}/resend`, {})
    expect(pathOf(ada)).toBe(`${invitations}?done=resent`)
    expect(textOf(ada, `invitation-${id}`)).toContain('Waiting')
    expect(await latestLink(gatehouse, 'dora@elsewhere.test', 'invitation')).not.toBe(first)
    await post(ada, `${invitations}/${id}/resend`, {})
    await post(ada, `${invitations}/${id}/resend`, {})
    expect([ada.page.status, textOf(ada, 'refusal')]).toEqual([429, expect.stringContaining('Invite it again later.')])
    const grace = await openAccount(gatehouse, { email: 'grace@globex.test', path: invitations })
    expect(textOf(grace, 'no-invitations')).toContain('No invitation is open')
    await grace.get(at(`${list}/invite`))
    await post(grace, `${invitations}/${id}/withdraw`, {})
    expect(grace.page.status).toBe(404)
    await post(ada, `${invitations}/${id}/withdraw`, {})
    expect(pathOf(ada)).toBe(`${invitations}?done=withdrawn`)
    expect(ada.page.html).not.toContain(`invitation-${id}`)
    expect(await liveLinks(gatehouse, 'dora@elsewhere.test')).toBe(0)
  })

  test('a member’s page tells of teams, rights with where they come from, keys and sign-ins', async () => {
    const alan = await openAccount(gatehouse, { email: 'alan@acme.test', path: '/account/api-keys' })
    await makeKey(gatehouse, alan, { name: 'Nightly' })
    await ada.get(at(await pageOf('alan@acme.test')))
    expect(textOf(ada, 'permissions')).toMatch(/See configuration items configuration-items:read readers/)
    expect(textOf(ada, 'data-scopes')).toContain('kubernetes: prod-cluster readers')
    expect(textOf(ada, 'sessions')).toMatch(/^In \d browsers? last used/)
    expect(textOf(ada, 'live-keys')).toBe('1 that works')
    expect(textOf(ada, 'keys')).toMatch(/Nightly gate_usr_\S+ Active/)
    expect(textOf(ada, 'sign-ins')).toContain('Accepted Password')
    await ada.get(at(await pageOf('ada@acme.test')))
    expect(textOf(ada, 'data-scopes')).toContain('All of proxmox direct')
    await ada.get(at(await pageOf('root@example.test')))
    expect(textOf(ada, 'permissions')).toContain('Everything in the organization * superadmin')
  })

  test('where somebody is signed in to another organization is not told', async () => {
    const grace = await openAccount(gatehouse, { email: 'grace@globex.test', path: await pageOf('ada@acme.test') })
    expect(textOf(grace, 'sessions')).toBe('Nowhere at the moment')
    await openAccount(gatehouse, { pick: 'globex' })
    await grace.get(at(await pageOf('ada@acme.test')))
    expect(textOf(grace, 'sessions')).toBe('In 1 browser last used just now')
  })

  test('a member is put into a team by its id or its name', async () => {
    const page = await pageOf('gone@acme.test')
    await ada.get(at(page))
    await post(ada, `${page}/teams`, { team: 'WRITERS' })
    expect(pathOf(ada)).toBe(`${page}?done=joined`)
    expect(textOf(ada, 'teams')).toContain('writers')
    for (const team of ['auditors', '', 'nonsense']) {
      await post(ada, `${page}/teams`, { team })
      expect([team, ada.page.status]).toEqual([team, 422])
      expect(textOf(ada, 'error-team')).toContain('There is no such team')
    }
  })

  test('the last administrator stays one, which is said at the button', async () => {
    const page = await pageOf('ada@acme.test')
    for (const [change, place] of [
      ['demote', 'admin-setting'],
      ['deactivate', 'active-setting'],
      ['remove', 'remove-setting'],
    ] as const) {
      await ada.get(at(`${page}/${change}`))
      expect(textOf(ada, 'oneself')).toContain('This is you')
      await post(ada, page, { change })
      expect([change, ada.page.status]).toEqual([change, 409])
      expect(ada.page.html).toMatch(new RegExp(`data-test="${place}">[^]*?This is the last administrator`))
    }
    expect((await post(ada, page, { change: 'nonsense' })).status).toBe(400)
  })

  test('somebody is made an administrator, and who steps down has no page here any more', async () => {
    const page = await pageOf('alan@acme.test')
    await ada.get(at(page))
    await post(ada, page, { change: 'promote' })
    expect(pathOf(ada)).toBe(`${page}?done=promoted`)
    expect(textOf(ada, 'email')).toBe('alan@acme.test')
    const alan = await openAccount(gatehouse, { email: 'alan@acme.test', path: page })
    await alan.get(at(`${page}/demote`))
    await post(alan, page, { change: 'demote' })
    expect(pathOf(alan)).toBe('/account/organizations')
    expect((await alan.get(at(list))).status).toBe(403)
  })

  test('what deactivating breaks is said first; then it breaks, and comes back', async () => {
    const page = await pageOf('alan@acme.test')
    const alan = await openAccount(gatehouse, { email: 'alan@acme.test', path: '/account/api-keys' })
    const { key } = await makeKey(gatehouse, alan, { name: 'Grafana' })
    await ada.get(at(`${page}/deactivate`))
    expect(textOf(ada, 'impact')).toMatch(/See configuration items.*kubernetes: prod-cluster.*2 API keys stop working/)
    expect(ada.page.html).toContain('Grafana')
    expect(await isLive(gatehouse, key)).toBe(true)
    await ada.submit({ change: 'deactivate' }, page)
    expect(textOf(ada, 'is-deactivated')).toContain('can’t sign in')
    expect(await isLive(gatehouse, key)).toBe(false)
    await post(ada, page, { change: 'activate' })
    expect(pathOf(ada)).toBe(`${page}?done=activated`)
    expect(await isLive(gatehouse, key)).toBe(true)
  })

  test('what removing breaks is said first; then they are a member no longer', async () => {
    const page = await pageOf('alan@acme.test')
    await ada.get(at(`${page}/remove`))
    expect(textOf(ada, 'question')).toMatch(/2 API keys stop working/)
    await ada.submit({ change: 'remove' }, page)
    expect(pathOf(ada)).toBe(`${list}?done=removed`)
    expect(ada.page.html).not.toContain('alan@acme.test')
    expect((await ada.get(at(page))).status).toBe(404)
  })

  test('hundreds of members are paged, and of many teams one is found by its name', async () => {
    const { db } = gatehouse.database
    const organization = await db
      .selectFrom('organizations')
      .select('id')
      .where('slug', '=', 'acme')
      .executeTakeFirstOrThrow()
    const numbers = Array.from({ length: 60 }, (_, n) => n)
    await db
      .insertInto('teams')
      .values(numbers.map((n) => ({ id: `team_of_${n}`, organizationId: organization.id, name: `Squad ${n}` })))
      .execute()
    await db
      .insertInto('users')
      .values(numbers.map((n) => ({ id: `usr_of_${n}`, email: `crowd${n}@acme.test`, name: `Crowd ${n}` })))
      .execute()
    await db
      .insertInto('memberships')
      .values(numbers.map((n) => ({ id: `mem_of_${n}`, organizationId: organization.id, userId: `usr_of_${n}` })))
      .execute()
    const seen: string[] = []
    let older: string | undefined = `${list}?q=crowd`
    while (older) {
      await ada.get(at(older))
      expect(ada.page.html.length).toBeLessThan(60_000)
      seen.push(...[...ada.page.html.matchAll(/data-test="member-([^"]+)"/g)].map(([, id = '']) => id))
      older = /<a href="([^"]+)" data-test="older"/.exec(ada.page.html)?.[1]?.replaceAll('&amp;', '&')
    }
    expect(new Set(seen).size).toBe(60)
    expect(seen).toHaveLength(60)
    expect(await shown({ team: 'squad 7' })).toEqual([])
    expect(textOf(ada, 'no-members')).toContain('No member matches')
    await ada.get(at(`${list}/invite`))
    expect(ada.page.html.length).toBeLessThan(60_000)
    // without scripts the button asks the server, which keeps what was typed and ticked
    await invite({ emails: 'late@elsewhere.test', 'team:team_of_3': 'yes', find: 'squad 5', step: 'find' })
    const offered = [...ada.page.html.matchAll(/name="team:(\w+)" value="yes"( checked)?/g)]
    expect(offered.map(([, id]) => id).sort()).toEqual(
      ['3', '5', ...numbers.slice(50).map(String)].map((n) => `team_of_${n}`).sort(),
    )
    expect(offered.filter(([, , ticked]) => ticked).map(([, id]) => id)).toEqual(['team_of_3'])
    expect(ada.page.html).toContain('late@elsewhere.test</textarea>')
  })
})
