import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import type { Gatehouse } from '#support/gatehouse.ts'
import { makeKey, startWithMembers } from '#support/key-forms.ts'
import { openAccount, pathOf, textOf } from '#support/signed-in.ts'

const list = '/admin/teams'

describe.each(availableDatabases())('the pages of teams on %s', (database) => {
  let gatehouse: Gatehouse
  let ada: Browser
  beforeAll(async () => {
    gatehouse = await startWithMembers(database)
    ada = await openAccount(gatehouse, { path: list })
  })
  afterAll(() => gatehouse.stop())

  const at = (path: string) => `${gatehouse.url}${path}`
  const userId = async (email: string) => {
    const users = gatehouse.database.db.selectFrom('users').select('id')
    return (await users.where('email', '=', email).executeTakeFirstOrThrow()).id
  }
  const pathOfTeam = async (name: string) => {
    const teams = gatehouse.database.db.selectFrom('teams').select('id')
    return `${list}/${(await teams.where('name', '=', name).executeTakeFirstOrThrow()).id}`
  }
  const post = (browser: Browser, path: string, fields: Record<string, string> = {}) =>
    browser.post(at(path), { _csrf: browser.hidden('_csrf')!, ...fields })
  const rows = (kind: 'team' | 'member') =>
    [...ada.page.html.matchAll(new RegExp(`data-test="${kind}-([^"]+)"`, 'g'))].map(([, id]) => id)

  test('list every team with who is in it and what it gives, found by the beginning of its name', async () => {
    await ada.get(at(list))
    expect(rows('team')).toHaveLength(2)
    expect(textOf(ada, 'teams')).toMatch(/readers 2 1 permission, 1 data scope/)
    await ada.get(at(`${list}?q=WRI`))
    expect(textOf(ada, 'teams')).toMatch(/writers 1 1 permission, no data scope/)
    expect(rows('team')).toHaveLength(1)
    await ada.get(at(`${list}?q=auditors`))
    expect(textOf(ada, 'no-teams')).toContain('No team has a name that begins so')
    for (const query of ['q=%00', 'q=%25', 'cursor=nonsense']) {
      expect([query, (await ada.get(at(`${list}?${query}`))).status]).toEqual([query, 200])
    }
  })

  test('are for administrators; another organization’s team is not found', async () => {
    const alan = await openAccount(gatehouse, { email: 'alan@acme.test', path: '/account/profile' })
    const readers = await pathOfTeam('readers')
    for (const path of [list, `${list}/new`, readers, `${readers}/members`, `${readers}/delete`]) {
      expect([path, (await alan.get(at(path))).status]).toEqual([path, 403])
    }
    await alan.get(at('/account/profile'))
    expect((await post(alan, `${readers}/delete`)).status).toBe(403)
    const auditors = await pathOfTeam('auditors')
    const grace = await userId('grace@globex.test')
    const own = await userId('ada@acme.test')
    for (const path of [auditors, `${auditors}/members`, `${auditors}/delete`, `${auditors}/members/${own}/remove`]) {
      expect([path, (await ada.get(at(path))).status]).toEqual([path, 404])
    }
    expect((await ada.get(at(`${readers}/members/${grace}/remove`))).status).toBe(404)
    // a name is no address of a page
    expect((await ada.get(at(`${list}/readers`))).status).toBe(404)
    await ada.get(at(`${list}/new`))
    expect((await post(ada, `${auditors}/delete`)).status).toBe(404)
    await ada.get(at(`${list}/new`))
    expect((await post(ada, auditors, { name: 'Mine' })).status).toBe(404)
    await ada.get(at(`${list}/new`))
    expect((await post(ada, `${readers}/members`, { [`member:${grace}`]: 'yes' })).status).toBe(404)
  })

  test('a team is made, and its page leads on to what it gives and to who is in it', async () => {
    await ada.get(at(`${list}/new`))
    await post(ada, `${list}/new`, { name: ' On call ' })
    const team = await pathOfTeam('On call')
    expect(pathOf(ada)).toBe(`${team}?done=created`)
    expect(textOf(ada, 'grants')).toContain('Choose permissions and data')
    expect(ada.page.html).toContain(`href="/admin/grants/teams/${team.split('/').at(-1)}"`)
    expect(textOf(ada, 'no-members')).toContain('Nobody is in this team yet')
  })

  test('an empty name and one that is taken are refused at the field, with what was typed', async () => {
    await ada.get(at(`${list}/new`))
    await post(ada, `${list}/new`, { name: 'READERS' })
    expect([ada.page.status, textOf(ada, 'error-name')]).toEqual([409, 'There is a team READERS already.'])
    expect(ada.page.html).toContain('value="READERS"')
    await post(ada, `${list}/new`, { name: ' ' })
    expect([ada.page.status, textOf(ada, 'error-name')]).toEqual([422, 'Fill this in.'])
    const team = await pathOfTeam('On call')
    await ada.get(at(team))
    await post(ada, team, { name: 'writers' })
    expect([ada.page.status, textOf(ada, 'error-name')]).toEqual([409, 'There is a team writers already.'])
    expect(ada.page.html).toMatch(/<h1><bdi>On call<\/bdi><\/h1>/)
    await post(ada, team, { name: '<b>Operators</b>' })
    expect(pathOf(ada)).toBe(`${team}?done=renamed`)
    expect(ada.page.html).toContain('<h1><bdi>&lt;b&gt;Operators&lt;/b&gt;</bdi></h1>')
  })

  test('members who are not in it are found, ticked and put into it', async () => {
    const team = await pathOfTeam('writers')
    const alan = await userId('alan@acme.test')
    await ada.get(at(`${team}/members`))
    expect(textOf(ada, 'candidates')).not.toContain('ada@acme.test')
    await post(ada, `${team}/members`)
    expect([ada.page.status, textOf(ada, 'error-members')]).toEqual([422, 'Tick at least one member.'])
    await ada.get(at(`${team}/members?q=nobody`))
    expect(textOf(ada, 'no-candidates')).toContain('No member matches')
    await ada.get(at(`${team}/members?q=ALAN`))
    await post(ada, `${team}/members`, { [`member:${alan}`]: 'yes' })
    expect(pathOf(ada)).toBe(`${team}?done=added&count=1`)
    expect(textOf(ada, 'done')).toBe('1 member is in the team now.')
    expect(rows('member')).toContain(alan)
    await ada.get(at(`${team}?q=ada`))
    expect(rows('member')).toEqual([await userId('ada@acme.test')])
  })

  test('what somebody loses with a team is said before they are taken out of it', async () => {
    const team = await pathOfTeam('writers')
    const alan = await userId('alan@acme.test')
    await makeKey(gatehouse, await openAccount(gatehouse, { email: 'alan@acme.test' }), { name: 'Nightly' })
    await ada.get(at(`${team}/members/${alan}/remove`))
    expect(textOf(ada, 'impact')).toMatch(
      /May do no longer: configuration-items:write 1 API key carries less, or stops working Nightly/,
    )
    await post(ada, `${team}/members/${alan}/remove`)
    expect(pathOf(ada)).toBe(`${team}?done=removed`)
    expect(rows('member')).not.toContain(alan)
    // asked for from the member's page it leads back there
    const readers = await pathOfTeam('readers')
    await ada.get(at(`/admin/members/${alan}`))
    const [, leave] = /href="([^"]+)"[^>]*data-test="leave-/.exec(ada.page.html)!
    expect(leave).toBe(`${readers}/members/${alan}/remove?from=member`)
    await ada.get(at(leave!))
    await ada.submit({}, 'remove?from=member')
    expect(pathOf(ada)).toBe(`/admin/members/${alan}?done=left`)
  })

  test('who loses what is said before a team is deleted', async () => {
    const team = await pathOfTeam('writers')
    await ada.get(at(`${team}/delete`))
    expect(textOf(ada, 'question')).toMatch(
      /1 person loses something Ada ada@acme.test May do no longer: configuration-items:write/,
    )
    await post(ada, `${team}/delete`)
    expect(pathOf(ada)).toBe(`${list}?done=deleted`)
    expect(textOf(ada, 'teams')).not.toContain('writers')
    expect((await ada.get(at(team))).status).toBe(404)
  })

  test('an organization without a team is told what one is for, and many are paged', async () => {
    const grace = await openAccount(gatehouse, { email: 'grace@globex.test', path: list })
    await grace.get(at(`${await pathOfTeam('auditors')}/delete`))
    await post(grace, `${await pathOfTeam('auditors')}/delete`)
    expect(textOf(grace, 'no-teams')).toContain('There is no team yet')
    const { db } = gatehouse.database
    const acme = await db.selectFrom('organizations').select('id').where('slug', '=', 'acme').executeTakeFirstOrThrow()
    await db
      .insertInto('teams')
      .values(
        Array.from({ length: 60 }, (_, n) => ({ id: `team_of_${n}`, organizationId: acme.id, name: `Squad ${n}` })),
      )
      .execute()
    const seen: unknown[] = []
    let older: string | undefined = `${list}?q=squad`
    while (older) {
      await ada.get(at(older))
      expect(ada.page.html.length).toBeLessThan(60_000)
      seen.push(...rows('team'))
      older = /<a href="([^"]+)" data-test="older"/.exec(ada.page.html)?.[1]?.replaceAll('&amp;', '&')
    }
    expect([seen.length, new Set(seen).size]).toEqual([60, 60])
  })
})
