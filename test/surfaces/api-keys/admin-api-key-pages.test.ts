import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import { type Gatehouse, password } from '#support/gatehouse.ts'
import {
  fillIn,
  keysInDatabase,
  makeKey,
  makeSignInsOld,
  rowOfKey,
  shownKey,
  startWithMembers,
} from '#support/key-forms.ts'
import { isLive, letExpire } from '#support/keys.ts'
import { mailsTo } from '#support/mails.ts'
import { openAccount, pathOf, textOf } from '#support/signed-in.ts'

const list = '/admin/api-keys'

describe.each(availableDatabases())('the pages of an organization’s keys on %s', (database) => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startWithMembers(database)
  })
  afterAll(() => gatehouse.stop())
  beforeEach(() => gatehouse.database.db.deleteFrom('credentials').where('kind', '=', 'api_key').execute())

  const at = (path: string) => `${gatehouse.url}${path}`
  const openAdmin = (path = list, email = 'ada@acme.test') => openAccount(gatehouse, { email, path })
  const openOwn = (email = 'alan@acme.test') => openAccount(gatehouse, { email, path: '/account/api-keys' })
  const post = (browser: Browser, path: string, fields: Record<string, string> = {}) =>
    browser.post(at(path), { _csrf: browser.hidden('_csrf')!, ...fields })
  const rows = (browser: Browser) => [...browser.page.html.matchAll(/data-test="key-([^"]+)"/g)].map(([, id]) => id)

  test('show everybody’s keys with the person that each belongs to', async () => {
    // S2-25
    const alan = await openOwn()
    const { id, key } = await makeKey(gatehouse, alan, { name: 'Nightly', description: 'Exports <all>' })
    const browser = await openAdmin()
    const own = await makeKey(gatehouse, browser, { name: 'Mine', user: 'ada@acme.test' }, list)
    await browser.get(at(list))
    expect(rows(browser)).toEqual([own.id, id])
    const row = rowOfKey(browser, id)
    for (const part of [
      'Nightly',
      'Exports &lt;all&gt;',
      'Alan &lt;b&gt;Turing&lt;/b&gt;',
      'alan@acme.test',
      'Active',
    ]) {
      expect(row).toContain(part)
    }
    expect(row).toContain(`/admin/authentication-log?api_key=${id}`)
    expect(browser.page.html).not.toMatch(/<b>Turing|<all>/)
    expect(browser.page.html).not.toContain(key)
  })

  test('are filtered by user name and by status', async () => {
    // S2-26
    const alan = await openOwn()
    const nightly = await makeKey(gatehouse, alan, { name: 'Nightly' })
    const expired = await makeKey(gatehouse, alan, { name: 'Expired' })
    await letExpire(gatehouse, expired.id)
    const browser = await openAdmin()
    const own = await makeKey(gatehouse, browser, { name: 'Mine', user: 'ada@acme.test' }, list)
    const shown = async (query: Record<string, string>) => {
      await browser.get(at(`${list}?${new URLSearchParams(query)}`))
      expect(browser.page.status).toBe(200)
      return rows(browser).sort()
    }
    expect(await shown({ user: 'ALAN@acme.test' })).toEqual([nightly.id, expired.id].sort())
    expect(browser.page.html).toMatch(/value="alan@acme.test" selected/)
    expect(await shown({ user: 'alan@acme.test', status: 'expired' })).toEqual([expired.id])
    expect(await shown({ status: 'active' })).toEqual([nightly.id, own.id].sort())
    expect(await shown({ status: 'nonsense' })).toHaveLength(3)
    expect(await shown({ status: 'revoked' })).toEqual([])
    expect(textOf(browser, 'no-keys')).toContain('No key matches')
    // whoever belongs to another organization is as unknown as whoever does not exist
    for (const user of ['grace@globex.test', 'nobody@nowhere.test', 'a\0b', '<b>']) {
      expect(await shown({ user })).toEqual([])
      expect(textOf(browser, 'no-keys')).toContain('Nobody in this organization')
    }
    expect(browser.page.html).not.toContain('<b>')
  })

  test('a key for a member is confirmed, shown to the administrator once, and its owner gets a mail', async () => {
    // S2-16, S2-18, S2-21, S2-24
    const browser = await openAdmin(`${list}/new`)
    const people = [...browser.page.html.matchAll(/<option value="([^"]+)"/g)].map(([, email]) => email)
    expect(people).toEqual(['ada@acme.test', 'alan@acme.test'])
    await fillIn(browser, {
      user: 'alan@acme.test',
      name: 'From above',
      expires: '60',
      may: 'only',
      'may:configuration-items:read': 'on',
      'may:reports:read': 'on',
    })
    expect(textOf(browser, 'owner-gets-mail')).toContain('gets a mail')
    expect(textOf(browser, 'summary')).toMatch(/See configuration items Read reports Not held by its owner now/)
    await browser.submit({}, list)
    const key = shownKey(browser)
    expect(textOf(browser, 'owner-gets-mail')).toContain('They get a mail')
    expect((await gatehouse.introspect(key)).json).toMatchObject({
      active: true,
      username: 'alan@acme.test',
      permissions: ['configuration-items:read'],
    })
    const mail = (await mailsTo(gatehouse, 'alan@acme.test')).at(-1)!
    expect(mail.template).toBe('api-key-created-for-you')
    expect(mail.content.locals).toMatchObject({ keyName: 'From above', createdBy: 'Ada' })
    expect(JSON.stringify(mail)).not.toContain(key)
    await browser.get(at(list))
    expect(browser.page.html).not.toContain(key)
    const alan = await openOwn()
    expect(alan.page.html).toContain('From above')
    expect(alan.page.html).not.toContain(key)
  })

  test('a form says whose key it is to be, and refuses who cannot have one', async () => {
    const browser = await openAdmin(`${list}/new`)
    for (const [user, status, where, why] of [
      ['', 422, 'error-user', 'Choose whose key it is.'],
      ['grace@globex.test', 422, 'error-user', 'Nobody in this organization'],
      ['a\0b', 422, 'error-user', 'Nobody in this organization'],
      ['gone@acme.test', 409, 'refusal', 'not an active member'],
    ] as const) {
      await post(browser, list, { user, name: 'No', expires: '7' })
      expect([user, browser.page.status]).toEqual([user, status])
      expect(textOf(browser, where)).toContain(why)
    }
    expect(await keysInDatabase(gatehouse)).toEqual([])
  })

  test('a member’s key is edited, revoked for good, re-activated and deleted', async () => {
    // S2-27 to S2-30
    const alan = await openOwn()
    const { key, id } = await makeKey(gatehouse, alan, { name: 'Nightly' })
    const browser = await openAdmin(`${list}/${id}/edit`)
    expect(browser.page.html).toContain('alan@acme.test')
    await browser.submit({ name: 'Renamed', expires: '7' }, '/edit')
    expect(pathOf(browser)).toBe(`${list}?done=saved`)
    expect(rowOfKey(browser, id)).toContain('Renamed')

    await browser.get(at(`${list}/${id}/revoke`))
    expect(textOf(browser, 'revoke')).toContain('alan@acme.test')
    await browser.submit({}, '/revoke')
    expect(await isLive(gatehouse, key)).toBe(false)
    expect(rowOfKey(browser, id)).toContain('by Ada')
    expect((await mailsTo(gatehouse, 'alan@acme.test')).at(-1)?.template).toBe('api-key-revoked')
    await alan.get(at('/account/api-keys'))
    expect(rowOfKey(alan, id)).toContain('by an administrator')
    expect(rowOfKey(alan, id)).not.toContain('reactivate')

    await browser.get(at(list))
    expect(rowOfKey(browser, id)).toContain('/reactivate')
    await post(browser, `${list}/${id}/reactivate`)
    expect(textOf(browser, 'done')).toContain('works again')
    expect(await isLive(gatehouse, key)).toBe(true)

    await browser.get(at(`${list}/${id}/delete`))
    await browser.submit({}, '/delete')
    expect(await isLive(gatehouse, key)).toBe(false)
    expect(rows(browser)).toEqual([])
  })

  test('a superadmin’s key is theirs to make, edit and re-activate; an administrator may only end it', async () => {
    const root = await openAccount(gatehouse, { email: 'root@example.test', path: '/account/api-keys' })
    const { key, id } = await makeKey(gatehouse, root, { name: 'Break glass' })
    const browser = await openAdmin()
    expect(rowOfKey(browser, id)).not.toMatch(/\/(edit|reactivate)"/)
    for (const request of [
      () => browser.get(at(`${list}/${id}/edit`)),
      () => post(browser, `${list}/${id}/edit`, { name: 'Mine' }),
      () => post(browser, list, { user: 'root@example.test', name: 'Mine', expires: '7' }),
    ]) {
      await browser.get(at(list))
      await request()
      expect(browser.page.status).toBe(403)
    }
    await browser.get(at(`${list}/${id}/revoke`))
    await browser.submit({}, '/revoke')
    expect(await isLive(gatehouse, key)).toBe(false)
    await post(browser, `${list}/${id}/reactivate`)
    expect(browser.page.status).toBe(403)

    await root.get(at(list))
    await post(root, `${list}/${id}/reactivate`)
    expect(await isLive(gatehouse, key)).toBe(true)
    await root.get(at(`${list}/new`))
    expect(root.page.html).toContain('<option value="root@example.test"')
    expect((await makeKey(gatehouse, root, { name: 'Second', user: 'root@example.test' }, list)).key).not.toBe('')
  })

  test('keys in addresses are allowed or refused for the whole organization, at once', async () => {
    const alan = await openOwn()
    const { key } = await makeKey(gatehouse, alan, { name: 'In an address' })
    const statusInUrl = async () => (await fetch(at(`/v1/me?ApiKey=${key}`))).status
    expect(await statusInUrl()).toBe(200)
    const browser = await openAdmin()
    for (const [allowed, status, words] of [
      ['no', 401, 'Refused'],
      ['no', 401, 'Refused'],
      ['yes', 200, 'Allowed'],
    ] as const) {
      await post(browser, `${list}/in-urls`, { allowed })
      expect(pathOf(browser)).toBe(`${list}?done=urls`)
      expect(textOf(browser, 'keys-in-urls')).toContain(`Keys in URLs ${words}`)
      expect(await statusInUrl()).toBe(status)
      expect(await isLive(gatehouse, key)).toBe(true)
    }
    const events = await gatehouse.database.db
      .selectFrom('auditLog')
      .select(['subjectName', 'before', 'after'])
      .where('action', '=', 'organization.updated')
      .orderBy('id')
      .execute()
    const [yes, no] = [{ allows_keys_in_query: true }, { allows_keys_in_query: false }]
    expect(events).toEqual([
      { subjectName: 'acme', before: yes, after: no },
      { subjectName: 'acme', before: no, after: yes },
    ])
  })

  describe('who may not', () => {
    test('a plain member is refused every page and form', async () => {
      const alan = await openOwn()
      const { key, id } = await makeKey(gatehouse, alan, { name: 'Own' })
      await alan.get(at('/account/api-keys'))
      const csrf = alan.hidden('_csrf')!
      for (const path of [
        list,
        `${list}/new`,
        ...['edit', 'revoke', 'delete'].map((action) => `${list}/${id}/${action}`),
      ]) {
        await alan.get(at(path))
        expect([path, alan.page.status]).toEqual([path, 403])
        await alan.post(at(path), { _csrf: csrf, user: 'alan@acme.test', name: 'No', expires: '7' })
        expect([path, alan.page.status]).toEqual([path, 403])
      }
      for (const path of [`${list}/${id}/reactivate`, `${list}/in-urls`]) {
        await alan.post(at(path), { _csrf: csrf, allowed: 'no' })
        expect([path, alan.page.status]).toEqual([path, 403])
      }
      expect(await isLive(gatehouse, key)).toBe(true)
    })

    test('another organization’s administrator finds nothing here', async () => {
      const { id, key } = await makeKey(gatehouse, await openOwn(), { name: 'Acme’s' })
      const grace = await openAccount(gatehouse, { email: 'grace@globex.test', path: list })
      expect(rows(grace)).toEqual([])
      const csrf = grace.hidden('_csrf')!
      for (const action of ['edit', 'revoke', 'reactivate', 'delete']) {
        await grace.post(at(`${list}/${id}/${action}`), { _csrf: csrf, name: 'Mine' })
        expect([action, grace.page.status]).toEqual([action, 404])
      }
      expect(await isLive(gatehouse, key)).toBe(true)
    })

    test('a form without this browser’s token is refused', async () => {
      const { id, key } = await makeKey(gatehouse, await openOwn(), { name: 'Alan’s' })
      const browser = await openAdmin()
      for (const path of [list, `${list}/new`, `${list}/in-urls`, `${list}/${id}/revoke`, `${list}/${id}/delete`]) {
        await browser.post(at(path), { _csrf: 'no', allowed: 'no', user: 'alan@acme.test', name: 'x', expires: '7' })
        expect([path, browser.page.status]).toEqual([path, 403])
      }
      expect(await isLive(gatehouse, key)).toBe(true)
    })

    test('making a key for somebody needs a sign-in of the last ten minutes', async () => {
      const browser = await openAdmin(`${list}/new`)
      const csrf = browser.hidden('_csrf')!
      for (const request of [
        () => browser.get(at(`${list}/new`)),
        () => browser.post(at(list), { _csrf: csrf, user: 'alan@acme.test', name: 'Stale', expires: '30' }),
      ]) {
        await makeSignInsOld(gatehouse)
        await request()
        expect(browser.page.html).toContain('data-test="password"')
        await browser.submit({ password })
        expect(pathOf(browser)).toBe(`${list}/new`)
      }
      expect(await keysInDatabase(gatehouse)).toEqual([])
    })
  })
})
