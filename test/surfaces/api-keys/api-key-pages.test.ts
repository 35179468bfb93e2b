import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import type { Gatehouse } from '#support/gatehouse.ts'
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
import { isSignedOut, openAccount, pathOf, textOf } from '#support/signed-in.ts'

const list = '/account/api-keys'

describe.each(availableDatabases())('the pages of one’s own keys on %s', (database) => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startWithMembers(database)
  })
  afterAll(() => gatehouse.stop())
  beforeEach(() => gatehouse.database.db.deleteFrom('credentials').where('kind', '=', 'api_key').execute())

  const at = (path: string) => `${gatehouse.url}${path}`
  const openKeys = (email = 'alan@acme.test', path = list) => openAccount(gatehouse, { email, path })
  let names = 0
  const newName = () => `Key ${++names}`

  async function openForm(email?: string): Promise<Browser> {
    return openKeys(email, `${list}/new`)
  }

  async function statusOf(browser: Browser, id: string): Promise<string> {
    await browser.get(at(list))
    const [, pill = ''] = /<span class="pill [^"]*">([\s\S]*?)<\/td>/.exec(rowOfKey(browser, id)) ?? []
    return pill
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ')
      .trim()
  }

  test('an empty list says what keys are for, and how to begin', async () => {
    // S1-01, S1-02
    const browser = await openKeys('grace@globex.test')
    expect(browser.page.status).toBe(200)
    expect(textOf(browser, 'no-keys')).toContain('You have no keys yet')
    expect(textOf(browser, 'in-use')).toBe(
      'Keys act as you in Globex, with your permissions at the moment of use. 0 of 10 in use.',
    )
    expect(browser.page.html).toContain(`href="${list}/new"`)
  })

  test('a key is asked for, confirmed, shown once and then works', async () => {
    // S0-12, S0-14, S1-11, S2-19, S2-20, S2-24, S2-35
    const browser = await openForm()
    await fillIn(browser, { name: '  Deploy <i>now</i> ', description: 'From "CI"', expires: '7' })
    expect([browser.page.status, pathOf(browser)]).toEqual([200, `${list}/new`])
    expect(textOf(browser, 'summary')).toContain('Deploy &lt;i&gt;now&lt;/i&gt;')
    expect(await keysInDatabase(gatehouse)).toEqual([])

    await browser.submit({}, list)
    expect([browser.page.status, pathOf(browser)]).toEqual([200, list])
    expect(browser.page.headers.get('cache-control')).toBe('no-store')
    expect(textOf(browser, 'once')).toContain('only now')
    const key = shownKey(browser)
    expect(key).toMatch(/^gate_usr_[0-9A-Za-z]{38}$/)
    expect(textOf(browser, 'curl')).toContain(`curl -H &#34;X-API-Key: $API_KEY&#34; ${gatehouse.url}/v1/me`)
    expect(browser.page.html).not.toMatch(/<i>now/)
    const me = await fetch(at('/v1/me'), { headers: { 'x-api-key': key } })
    expect(await me.json()).toMatchObject({ user: { email: 'alan@acme.test' }, organization: { slug: 'acme' } })

    const [row] = await keysInDatabase(gatehouse)
    expect(row).toMatchObject({ name: 'Deploy <i>now</i>', description: 'From "CI"', format: 'opaque' })
    for (const path of [list, `${list}/${row!.id}/edit`, `${list}/${row!.id}/revoke`, `${list}/${row!.id}/delete`]) {
      await browser.get(at(path))
      expect([path, browser.page.status]).toEqual([path, 200])
      expect(browser.page.html).not.toContain(key)
      expect(browser.page.html).not.toMatch(/<i>now/)
    }
    expect(gatehouse.logLines.join('')).not.toContain(key)
  })

  test('sending the confirmation again makes no second key', async () => {
    const browser = await openForm()
    const name = newName()
    await fillIn(browser, { name, expires: '30' })
    const again = { _csrf: browser.hidden('_csrf')!, name, expires: '30', format: 'opaque' }
    await browser.submit({}, list)
    const key = shownKey(browser)
    await browser.post(at(list), again)
    expect(browser.page.status).toBe(422)
    expect(textOf(browser, 'error-name')).toBe('This is the name of another key already.')
    expect(browser.page.html).toContain(`value="${name}"`)
    expect(browser.page.html).not.toContain(key)
    expect((await keysInDatabase(gatehouse)).filter((one) => one.name === name)).toHaveLength(1)
  })

  test('a confirmation that was tampered with is checked like the form', async () => {
    const browser = await openForm()
    const before = await keysInDatabase(gatehouse)
    await fillIn(browser, { name: newName(), expires: '30' })
    const [csrf, name] = [browser.hidden('_csrf')!, newName()]
    for (const fields of [
      { name, expires: '367' },
      { name, expires: 'date', date: '2020-01-01' },
      { name: '', expires: '30' },
      { name, expires: '30', format: 'none' },
      { name, expires: '30', may: 'only', 'may:no:such': 'on' },
      { name, expires: '30', may: 'only', 'may:configuration-items:read\n': 'on' },
      { name, expires: '30', sees: 'only', 'sees:[null,"x"]': 'on' },
      { name, expires: '30', sees: 'only', 'sees:{}': 'on' },
      { name, expires: '30', sees: 'only', 'sees:]': 'on' },
      { name, expires: '30', may: 'everything' },
      { name, expires: '30', may: '' },
      { name, expires: '30', may: 'ONLY', 'may:configuration-items:read': 'on' },
      { name, expires: '30', sees: 'none' },
      { name, expires: '30', sees: 'only ', 'sees:[null,null]': 'on' },
      { name: `a\0b`, expires: '30' },
      { name },
    ] as Record<string, string>[]) {
      await browser.post(at(list), { _csrf: csrf, ...fields })
      expect([fields, browser.page.status]).toEqual([fields, 422])
    }
    // S2-17: whose key it is does not come from the form
    await browser.post(at(list), { _csrf: csrf, name, expires: '30', user: 'ada@acme.test' })
    expect(shownKey(browser)).not.toBe('')
    const made = (await keysInDatabase(gatehouse)).slice(before.length)
    expect(made).toHaveLength(1)
    expect(made[0]!.userId).toBe(made[0]!.createdBy)
  })

  describe('mistakes in the form', () => {
    test('are told at their fields, and nothing typed is lost', async () => {
      // S0-13
      const browser = await openForm()
      expect(browser.page.html).not.toMatch(/name="expires"[^>]*checked/)
      await fillIn(browser, { name: '', description: 'Still "here"', format: 'jwt', may: 'only', sees: 'only' })
      expect(browser.page.status).toBe(422)
      expect(textOf(browser, 'error-name')).toBe('Fill this in.')
      expect(textOf(browser, 'error-expires')).toBe('Choose when the key expires.')
      expect(browser.page.html).toContain('value="Still &#34;here&#34;"')
      expect(browser.page.html).toMatch(/value="jwt" checked/)
      expect(browser.page.html).toMatch(/name="may" value="only" checked/)
      await fillIn(browser, { name: newName(), expires: '30' })
      expect([textOf(browser, 'error-may'), textOf(browser, 'error-sees')]).toEqual(
        Array(2).fill('Choose at least one.'),
      )
    })

    test.each([
      ['date', '', 'Choose a date.'],
      ['date', '2020-02-30', 'Choose a date, such as 2027-01-31.'],
      ['date', '2020-02-20', 'This must be in the future.'],
      ['date', '2999-01-01', 'at most 366 days'],
      ['0', '', 'at least 1'],
      ['367', '', 'at most 366'],
    ])('the expiry %j %j is refused', async (expires, date, why) => {
      // S0-18, S2-22
      const browser = await openForm()
      await fillIn(browser, { name: newName(), expires, date })
      expect(browser.page.status).toBe(422)
      expect(textOf(browser, 'error-expires')).toContain(why)
    })

    test('a taken name is told before the confirmation, in whichever case', async () => {
      // S1-07
      const browser = await openKeys()
      await makeKey(gatehouse, browser, { name: 'Taken' })
      await browser.get(at(`${list}/new`))
      await fillIn(browser, { name: ' tAKEN ', expires: '7' })
      expect(browser.page.status).toBe(422)
      expect(textOf(browser, 'error-name')).toContain('name of another key')
    })

    test('from the summary one goes back to the form with everything in it', async () => {
      const browser = await openForm()
      const fields = { name: 'Wait a "moment"', description: '<x>', date: '2020-01-01', may: 'only' }
      await fillIn(browser, { ...fields, expires: '90', 'may:configuration-items:read': 'on' })
      await browser.post(at(`${list}/new`), {
        ...Object.fromEntries(
          ['_csrf', 'name', 'description', 'expires', 'date', 'format', 'may', 'may:configuration-items:read'].map(
            (name) => [name, browser.hidden(name)!],
          ),
        ),
        step: 'change',
      })
      expect(browser.page.status).toBe(200)
      expect(browser.page.html).toContain('value="Wait a &#34;moment&#34;"')
      expect(browser.page.html).toContain('value="&lt;x&gt;"')
      expect(browser.page.html).toMatch(/value="90" checked/)
      expect(browser.page.html).toMatch(/name="may:configuration-items:read" checked/)
    })
  })

  test('a date means the end of that day, UTC, chosen or only filled in', async () => {
    // S2-22
    const browser = await openKeys()
    const date = new Date(Date.now() + 40 * 86_400_000).toISOString().slice(0, 10)
    await browser.get(at(`${list}/new`))
    for (const fields of [{ expires: 'date', date }, { date }] as Record<string, string>[]) {
      const name = newName()
      await browser.get(at(`${list}/new`))
      await fillIn(browser, { name, ...fields })
      await browser.submit({}, list)
      const made = (await keysInDatabase(gatehouse)).find((one) => one.name === name)
      expect(made?.expiresAt.toISOString()).toBe(`${date}T23:59:59.000Z`)
    }
  })

  test('a JWT is offered with its price, and shown whole', async () => {
    // S1-13
    const browser = await openForm()
    expect(browser.page.html).toContain('don’t notice that a key was revoked')
    const { key } = await makeKey(gatehouse, browser, { name: newName(), format: 'jwt' })
    expect(key).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
    expect(await isLive(gatehouse, key)).toBe(true)
  })

  test('a key may be narrowed to what its owner holds, which is all that is offered', async () => {
    // S1-04
    const browser = await openForm()
    const offered = [...browser.page.html.matchAll(/name="((?:may|sees):[^"]*)"/g)].map(([, name]) => name)
    expect(offered).toEqual(['may:configuration-items:read', 'sees:[&#34;kubernetes&#34;,&#34;prod-cluster&#34;]'])
    const { key } = await makeKey(gatehouse, browser, {
      name: newName(),
      may: 'only',
      'may:configuration-items:read': 'on',
      sees: 'only',
      'sees:["kubernetes","prod-cluster"]': 'on',
    })
    expect((await gatehouse.introspect(key)).json).toMatchObject({
      permissions: ['configuration-items:read'],
      data_scopes: [{ source: 'kubernetes', scope_id: 'prod-cluster' }],
    })
    const made = (await keysInDatabase(gatehouse)).at(-1)
    expect(made).toMatchObject({ permissions: ['configuration-items:read'] })
    // boxes that are ticked while everything is chosen count for nothing
    await makeKey(gatehouse, browser, { name: newName(), may: 'all', 'may:configuration-items:read': 'on' })
    expect((await keysInDatabase(gatehouse)).at(-1)?.permissions).toBeNull()
  })

  test('a wildcard offers each permission that it covers', async () => {
    const browser = await openForm('root@example.test')
    expect([...browser.page.html.matchAll(/name="may:([^"]*)"/g)].map(([, name]) => name)).toEqual([
      'configuration-items:read',
      'configuration-items:write',
      'reports:read',
    ])
    expect(browser.page.html).not.toContain('name="sees:')
  })

  test('the form steers to safe habits', async () => {
    // S0-32
    const browser = await openForm()
    for (const advice of ['One key for each system', 'shortest expiry', 'environment variable', 'never into code']) {
      expect(browser.page.html).toContain(advice)
    }
  })

  test('the list tells status, expiry and use of each key, with a picture of 30 days', async () => {
    // S0-39, S1-09, S2-32
    const browser = await openKeys('ada@acme.test')
    const used = await makeKey(gatehouse, browser, { name: newName() })
    const soon = await makeKey(gatehouse, browser, { name: newName(), expires: '7' })
    const expired = await makeKey(gatehouse, browser, { name: newName() })
    await letExpire(gatehouse, expired.id)
    expect(await isLive(gatehouse, used.key)).toBe(true)
    expect(await statusOf(browser, used.id)).toBe('Active')
    expect(rowOfKey(browser, used.id)).toMatch(/<title>Used once in 30 days, on /)
    expect(rowOfKey(browser, used.id)).toContain('just now')
    expect(rowOfKey(browser, used.id).match(/<path d="M\d/g)!.length).toBeGreaterThanOrEqual(30)
    expect(rowOfKey(browser, used.id)).toContain(`gate_usr_…${used.key.slice(-4)}`)
    expect(rowOfKey(browser, used.id)).toContain(`/account/authentication-log?api_key=${used.id}`)
    expect(await statusOf(browser, soon.id)).toBe('Active')
    expect(rowOfKey(browser, soon.id)).toContain('Not used in 30 days')
    expect(await statusOf(browser, expired.id)).toBe('Expired')
    expect(rowOfKey(browser, expired.id)).not.toMatch(/\/(revoke|reactivate)"/)
    expect(textOf(browser, 'in-use')).toContain('2 of 10 in use')
  })

  test('a key is edited, revoked, re-activated and deleted from its menu', async () => {
    // S1-05, S1-10, S0-19, S0-20, S2-23, S2-27 to S2-30, S2-34
    const browser = await openKeys()
    const [name, better] = [newName(), newName()]
    const { key, id } = await makeKey(gatehouse, browser, { name, description: 'Old words' })

    await browser.get(at(`${list}/${id}/edit`))
    expect(browser.page.html).toMatch(/value="keep" checked/)
    await browser.submit({ name: better, description: '', expires: '60' }, '/edit')
    expect(textOf(browser, 'done')).toContain('saved')
    const edited = (await keysInDatabase(gatehouse)).find((one) => one.id === id)!
    expect(edited).toMatchObject({ name: better, description: '' })
    expect(Math.round((edited.expiresAt.getTime() - Date.now()) / 86_400_000)).toBe(60)

    await browser.get(at(`${list}/${id}/revoke`))
    expect(textOf(browser, 'revoke')).toContain(better)
    expect(textOf(browser, 'last-used')).toBe('never')
    expect(await isLive(gatehouse, key)).toBe(true)
    await browser.submit({}, '/revoke')
    expect(textOf(browser, 'done')).toContain('revoked')
    expect(await isLive(gatehouse, key)).toBe(false)
    expect(await statusOf(browser, id)).toBe('Revoked')
    await browser.get(at(`${list}/${id}/revoke`))
    expect(pathOf(browser)).toBe(list)

    await browser.post(at(`${list}/${id}/reactivate`), { _csrf: browser.hidden('_csrf')! })
    expect(textOf(browser, 'done')).toContain('works again')
    expect(await isLive(gatehouse, key)).toBe(true)

    await browser.get(at(`${list}/${id}/delete`))
    expect(await isLive(gatehouse, key)).toBe(true)
    await browser.submit({}, '/delete')
    expect(textOf(browser, 'done')).toContain('deleted')
    expect(await isLive(gatehouse, key)).toBe(false)
    expect(rowOfKey(browser, id)).toBe('')
  })

  test('an edit that is refused is told at its field', async () => {
    const browser = await openKeys()
    const { id } = await makeKey(gatehouse, browser, { name: newName() })
    const other = newName()
    await makeKey(gatehouse, browser, { name: other })
    for (const [fields, field, why] of [
      [{ name: other }, 'name', 'name of another key'],
      [{ name: ' ' }, 'name', 'Fill this in.'],
      [{ expires: '400' }, 'expires', 'at most 366'],
      [{ expires: 'date', date: '2999-01-01' }, 'expires', 'at most 366 days'],
      [{ expires: 'date', date: '2020-01-01' }, 'expires', 'in the future'],
      [{ description: 'x'.repeat(501) }, 'description', 'at most 500'],
    ] as [Record<string, string>, string, string][]) {
      await browser.get(at(`${list}/${id}/edit`))
      await browser.submit({ description: 'kept', ...fields }, '/edit')
      expect([fields, browser.page.status]).toEqual([fields, 422])
      expect(textOf(browser, `error-${field}`)).toContain(why)
      expect(browser.page.html).toContain(fields.description ?? 'value="kept"')
    }
  })

  test('an expired key is edited without being revived', async () => {
    // S2-27
    const browser = await openKeys()
    const { key, id } = await makeKey(gatehouse, browser, { name: newName() })
    await letExpire(gatehouse, id)
    await browser.get(at(`${list}/${id}/edit`))
    expect(browser.page.html).not.toContain('name="expires"')
    const csrf = browser.hidden('_csrf')!
    await browser.submit({ name: newName(), description: 'late' }, '/edit')
    expect(textOf(browser, 'done')).toContain('saved')
    await browser.post(at(`${list}/${id}/edit`), { _csrf: csrf, name: newName(), expires: '30' })
    expect(browser.page.status).toBe(409)
    expect(textOf(browser, 'refusal')).toContain('stays expired')
    expect(await isLive(gatehouse, key)).toBe(false)
  })

  test('what an administrator or a finder has revoked its owner cannot re-activate', async () => {
    // S2-29
    const { db } = gatehouse.database
    const browser = await openKeys()
    for (const [revocation, words, status] of [
      ['admin', 'Revoked by an administrator', 403],
      ['leaked', 'Revoked somebody found it in public', 409],
    ] as const) {
      const { key, id } = await makeKey(gatehouse, browser, { name: newName() })
      await db.updateTable('credentials').set({ revokedAt: new Date(), revocation }).where('id', '=', id).execute()
      expect(await statusOf(browser, id)).toBe(words)
      expect(rowOfKey(browser, id)).not.toContain('reactivate')
      await browser.post(at(`${list}/${id}/reactivate`), { _csrf: browser.hidden('_csrf')! })
      expect(browser.page.status).toBe(status)
      expect(await isLive(gatehouse, key)).toBe(false)
    }
  })

  test('the eleventh key is refused in words that help, before the form and after it', async () => {
    // S0-17
    const browser = await openKeys('grace@globex.test')
    await browser.get(at(`${list}/new`))
    const csrf = browser.hidden('_csrf')!
    for (let n = 1; n <= 10; n++) await makeKey(gatehouse, browser, { name: `Key ${n}` })
    await browser.get(at(`${list}/new`))
    expect(textOf(browser, 'full')).toContain('Revoke or delete one')
    for (const path of [list, `${list}/new`]) {
      await browser.post(at(path), { _csrf: csrf, name: 'Eleven', expires: '7' })
      expect(browser.page.status).toBe(409)
      expect(textOf(browser, 'refusal')).toContain('Revoke or delete one')
    }
    const [first] = (await keysInDatabase(gatehouse)).filter(({ name }) => name === 'Key 1')
    const { id } = (await keysInDatabase(gatehouse)).find(
      ({ userId, name }) => name === 'Key 10' && userId === first!.userId,
    )!
    await browser.post(at(`${list}/${id}/revoke`), { _csrf: csrf })
    await makeKey(gatehouse, browser, { name: 'In its place' })
    await browser.post(at(`${list}/${id}/reactivate`), { _csrf: csrf })
    expect(browser.page.status).toBe(409)
    expect(textOf(browser, 'refusal')).toContain('Revoke or delete one')
    expect(browser.page.html).toContain('data-test="keys"')
  })

  test('a long list is read in pages', async () => {
    const browser = await openKeys('ada@acme.test')
    const { db } = gatehouse.database
    const { id } = await makeKey(gatehouse, browser, { name: newName() })
    const { hash: _, ...row } = (await keysInDatabase(gatehouse)).find((one) => one.id === id)!
    for (let n = 0; n < 20; n++) {
      const copy = {
        ...row,
        id: `key_copy${n}`,
        name: `Copy ${n}`,
        hash: Buffer.from(`copy ${n}`),
        revokedAt: new Date(),
      }
      await db
        .insertInto('credentials')
        .values({ ...copy, payload: '{}', permissions: undefined, dataScopes: undefined })
        .execute()
    }
    await browser.get(at(list))
    const rows = () => [...browser.page.html.matchAll(/data-test="key-([^"]+)"/g)].map(([, found]) => String(found))
    const first = rows()
    expect(first).toHaveLength(15)
    expect(browser.page.html.length).toBeLessThan(60_000)
    const older = /href="([^"]+)" data-test="older"/.exec(browser.page.html)![1]!.replaceAll('&amp;', '&')
    await browser.get(at(older))
    const second = rows()
    expect(second.length).toBeGreaterThan(4)
    expect(first.filter((one) => second.includes(one))).toEqual([])
    await browser.get(at(`${list}?cursor=nonsense`))
    expect(rows()).toEqual(first)
    await db.deleteFrom('credentials').where('id', 'like', 'key\\_copy%').execute()
  })

  describe('who may not', () => {
    const actions = ['edit', 'revoke', 'reactivate', 'delete']

    test('whoever is not signed in is sent to sign in, and back', async () => {
      const browser = new Browser()
      await browser.get(at(list))
      expect(isSignedOut(browser)).toBe(true)
      const back = await openKeys('alan@acme.test', `${list}/new`)
      expect(pathOf(back)).toBe(`${list}/new`)
    })

    test('somebody else’s key is not found, whether theirs is here or elsewhere, even by an administrator', async () => {
      const alan = await openKeys()
      const { key, id } = await makeKey(gatehouse, alan, { name: newName() })
      for (const [email, pick] of [
        ['ada@acme.test', 'acme'],
        ['ada@acme.test', 'globex'],
        ['grace@globex.test', 'globex'],
      ] as const) {
        const browser = await openAccount(gatehouse, { email, pick })
        const csrf = browser.hidden('_csrf')!
        for (const action of actions) {
          await browser.post(at(`${list}/${id}/${action}`), { _csrf: csrf, name: 'Mine now' })
          expect([action, browser.page.status]).toEqual([action, 404])
          if (action === 'reactivate') continue
          await browser.get(at(`${list}/${id}/${action}`))
          expect([action, browser.page.status]).toEqual([action, 404])
          expect(browser.page.html).not.toContain(key.slice(-4))
        }
      }
      expect(await isLive(gatehouse, key)).toBe(true)
    })

    test.each(['key_nothing', 'a%00b', '%252e%252e', 'key_%F0%9F%94%91'])('a key %j is not found', async (id) => {
      const browser = await openKeys()
      const csrf = browser.hidden('_csrf')!
      for (const action of actions) {
        await browser.post(at(`${list}/${id}/${action}`), { _csrf: csrf, name: 'Anything' })
        expect([action, browser.page.status]).toEqual([action, 404])
      }
    })

    test('a form without the token of a page that this browser was shown is refused', async () => {
      const browser = await openKeys()
      const { key, id } = await makeKey(gatehouse, browser, { name: newName() })
      const foreign = (await openKeys('ada@acme.test', '/account/profile')).hidden('_csrf')!
      const before = await keysInDatabase(gatehouse)
      for (const path of [list, `${list}/new`, ...actions.map((action) => `${list}/${id}/${action}`)]) {
        for (const token of [{}, { _csrf: '' }, { _csrf: foreign }] as Record<string, string>[]) {
          await browser.post(at(path), { name: newName(), expires: '30', ...token })
          expect([path, browser.page.status]).toEqual([path, 403])
        }
        // and no GET does what a form does
        await browser.get(at(`${path}?name=x&expires=30`))
        expect(browser.page.html).not.toContain('data-test="created"')
      }
      expect(await keysInDatabase(gatehouse)).toEqual(before)
      expect(await isLive(gatehouse, key)).toBe(true)
    })

    test('a sign-in older than ten minutes is asked for again before the form, and its POSTs do nothing', async () => {
      const browser = await openForm()
      const csrf = browser.hidden('_csrf')!
      const before = (await keysInDatabase(gatehouse)).length
      for (const request of [
        () => browser.get(at(`${list}/new`)),
        () => browser.post(at(`${list}/new`), { _csrf: csrf, name: 'Stale', expires: '30' }),
        () => browser.post(at(list), { _csrf: csrf, name: 'Stale', expires: '30' }),
      ]) {
        await makeSignInsOld(gatehouse)
        await request()
        expect(browser.page.html).toContain('data-test="password"')
        await browser.submit({ password: 'correct horse battery staple' })
        expect(pathOf(browser)).toBe(`${list}/new`)
        expect(browser.page.html).toContain('data-test="new-key"')
      }
      expect(await keysInDatabase(gatehouse)).toHaveLength(before)
      // looking at one's keys, and ending one, needs no fresh sign-in
      await makeSignInsOld(gatehouse)
      await browser.get(at(list))
      expect(textOf(browser, 'in-use')).toContain('0 of 10 in use')
    })

    test('an API key opens no page', async () => {
      const browser = await openKeys()
      const { key } = await makeKey(gatehouse, browser, { name: newName() })
      const answer = await fetch(at(list), { headers: { 'x-api-key': key, accept: 'text/html' }, redirect: 'manual' })
      expect(answer.status).toBe(303)
    })
  })
})
