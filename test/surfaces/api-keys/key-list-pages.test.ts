import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { databases } from '#support/api-requests.ts'
import type { Browser } from '#support/browser.ts'
import type { Gatehouse } from '#support/gatehouse.ts'
import { fillIn, makeKey, makeSignInsOld, rowOfKey, startWithMembers } from '#support/key-forms.ts'
import { deleteAllKeys } from '#support/keys.ts'
import { openAccount, pathOf, textOf } from '#support/signed-in.ts'

const own = '/account/api-keys'
const admins = '/admin/api-keys'

describe.each(databases)('the lists of API keys on %s', (database) => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startWithMembers(database)
  })
  beforeEach(() => deleteAllKeys(gatehouse))
  afterAll(() => gatehouse.stop())

  const at = (path: string) => `${gatehouse.url}${path}`
  const openOwn = () => openAccount(gatehouse, { email: 'alan@acme.test', path: own })
  const openAdmin = () => openAccount(gatehouse, { path: admins })
  const post = (browser: Browser, path: string, fields: Record<string, string> = {}) =>
    browser.post(at(path), { _csrf: browser.hidden('_csrf')!, ...fields })

  test('tell the owner who made a key for them', async () => {
    const admin = await openAdmin()
    const given = await makeKey(gatehouse, admin, { name: 'Given', user: 'alan@acme.test' }, admins)
    const alan = await openOwn()
    const mine = await makeKey(gatehouse, alan, { name: 'Mine' })
    await alan.get(at(own))
    expect(rowOfKey(alan, given.id)).toContain('made by Ada')
    expect(rowOfKey(alan, mine.id)).not.toContain('made by')
  })

  test('keep their filter after an action', async () => {
    const alan = await openOwn()
    const { id } = await makeKey(gatehouse, alan, { name: 'Nightly' })
    const admin = await openAdmin()
    const filter = 'user=alan%40acme.test&status=active'
    await admin.get(at(`${admins}?${filter}`))
    for (const action of ['edit', 'revoke', 'delete']) {
      expect(rowOfKey(admin, id)).toContain(`/${id}/${action}?${filter.replace('&', '&amp;')}`)
    }
    await admin.get(at(`${admins}/${id}/revoke?${filter}`))
    await admin.submit({}, `revoke?${filter}`)
    expect(pathOf(admin)).toBe(`${admins}?${filter}&done=revoked`)
    await post(admin, `${admins}/${id}/reactivate?${filter}`)
    expect(pathOf(admin)).toBe(`${admins}?${filter}&done=reactivated`)
    await admin.get(at(`${admins}/${id}/edit?${filter}`))
    await admin.submit({}, `edit?${filter}`)
    expect(pathOf(admin)).toBe(`${admins}?${filter}&done=saved`)
    await admin.get(at(`${admins}/${id}/delete?${filter}`))
    await admin.submit({}, `delete?${filter}`)
    expect(pathOf(admin)).toBe(`${admins}?${filter}&done=deleted`)
  })

  test('ask for a fresh sign-in before a key is re-activated or prolonged', async () => {
    const browser = await openOwn()
    const { id } = await makeKey(gatehouse, browser, { name: 'Nightly' })
    await browser.get(at(own))
    await post(browser, `${own}/${id}/revoke`)
    await makeSignInsOld(gatehouse)
    await post(browser, `${own}/${id}/reactivate`)
    expect(browser.page.html).toContain('name="password"')
    await browser.get(at(own))
    expect(rowOfKey(browser, id)).toContain('Revoked')
    await browser.get(at(`${own}/${id}/edit`))
    expect(browser.page.html).toContain('name="password"')
    await browser.get(at(own))
    await post(browser, `${own}/${id}/edit`, { name: 'Nightly', expires: '90' })
    expect(browser.page.html).toContain('name="password"')
  })

  test('are led to from where people look for them', async () => {
    const browser = await openAccount(gatehouse, { email: 'alan@acme.test', path: '/account/api-tokens' })
    expect(pathOf(browser)).toBe(own)
  })

  test('a form says what is wrong in words of ours, with days as people write them', async () => {
    const browser = await openOwn()
    const said = async (fields: Record<string, string>) => {
      await browser.get(at(`${own}/new`))
      await fillIn(browser, { name: 'x', ...fields })
      expect(browser.page.status).toBe(422)
      return browser.page.html
    }
    await said({ expires: 'date', date: 'tomorrow' })
    expect(textOf(browser, 'error-expires')).toBe('Choose a date, such as 2027-01-31.')
    await said({ expires: 'date', date: '2099-01-31' })
    expect(textOf(browser, 'error-expires')).toMatch(/: \d{1,2} \w{3,4} \d{4} at the latest\.$/)
  })

  test.each(['may', 'sees'])('a form whose %s is neither all nor only makes no key at all', async (name) => {
    const browser = await openOwn()
    await browser.get(at(`${own}/new`))
    await post(browser, `${own}/new`, { name: 'x', expires: '7', [name]: 'Only' })
    expect(browser.page.status).toBe(422)
    await post(browser, own, { name: 'x', expires: '7', [name]: 'Only' })
    expect(browser.page.status).toBe(422)
    await browser.get(at(own))
    expect(browser.page.html).toContain('data-test="no-keys"')
  })
})
