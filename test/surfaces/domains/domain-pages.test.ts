import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { dnsTxtResolver } from '#directory/organizations/verify-domain.ts'
import { databases } from '#support/api-requests.ts'
import type { Browser } from '#support/browser.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { type NameServer, startNameServer } from '#support/name-server.ts'
import { openAccount, pathOf, textOf } from '#support/signed-in.ts'

describe.each(databases)('the pages of domains on %s', (database) => {
  let names: NameServer
  let gatehouse: Gatehouse
  let grace: Browser
  let isSilent = false

  beforeAll(async () => {
    names = await startNameServer()
    const ask = dnsTxtResolver([names.address])
    const resolveTxt = (name: string) => (isSilent ? Promise.reject(new Error('no answer')) : ask(name))
    gatehouse = await startGatehouse({ database, resolveTxt })
    grace = await openAccount(gatehouse, { email: 'grace@globex.test', pick: 'globex', path: '/admin/domains' })
  })
  beforeEach(async () => {
    names.records.clear()
    await gatehouse.database.db.deleteFrom('organizationDomains').where('domain', '!=', 'acme.test').execute()
  })
  afterAll(async () => {
    await gatehouse.stop()
    names.stop()
  })

  const open = (path = '') => grace.get(`${gatehouse.url}/admin/domains${path}`)
  const shown = (id: string) => new RegExp(`<textarea id="${id}"[^>]*>([^<]*)`).exec(grace.page.html)?.[1] ?? ''
  const rows = () =>
    gatehouse.database.db.selectFrom('organizationDomains').selectAll().where('domain', '=', 'globex.test').execute()

  test('a domain is claimed, looked for in the DNS, proven and given up', async () => {
    await open()
    expect(grace.page.html).toContain('data-test="no-domains"')
    await grace.submit({ domain: 'Somebody@GLOBEX.test' }, '/domains')
    expect(pathOf(grace)).toBe('/admin/domains/globex.test?done=claimed')
    const [name, value] = [shown('record-name'), shown('record-value')]
    expect(name).toBe('_gatehouse-challenge.globex.test')
    expect(value).toMatch(/^gatehouse-domain-verification=/)

    await grace.submit({}, '/check')
    expect(grace.page.status).toBe(409)
    expect(textOf(grace, 'problem')).toContain('No TXT record stands under this name.')
    names.records.set(name, [['<i>something</i> else']])
    await grace.submit({}, '/check')
    expect(textOf(grace, 'found')).toBe('&lt;i&gt;something&lt;/i&gt; else')
    expect((await rows())[0]?.verifiedAt).toBeNull()

    names.records.set(name, [['v=spf1 -all'], [value]])
    await grace.submit({}, '/check')
    expect(pathOf(grace)).toBe('/admin/domains/globex.test?done=verified')
    expect((await rows())[0]?.verifiedAt).toBeInstanceOf(Date)
    expect(textOf(grace, 'facts')).toContain('1')

    await open('/globex.test/remove')
    expect(grace.page.html).toContain('is not led to your connections any more')
    await grace.submit({}, '/remove')
    expect(pathOf(grace)).toBe('/admin/domains?done=removed')
    expect(await rows()).toEqual([])
  })

  test('what is no domain, or on the list already, is said at the field with what was typed', async () => {
    await open()
    await grace.submit({ domain: 'not a domain' }, '/domains')
    expect(grace.page.status).toBe(422)
    expect(grace.page.html).toContain('value="not a domain"')
    expect(textOf(grace, 'error-domain')).not.toBe('')
    await grace.submit({ domain: 'globex.test' }, '/domains')
    await open()
    await grace.submit({ domain: 'globex.test' }, '/domains')
    expect(grace.page.status).toBe(409)
    expect(textOf(grace, 'error-domain')).toContain('globex.test')
  })

  test('another organization’s is unknown here, and can’t be taken', async () => {
    for (const path of ['/acme.test', '/acme.test/remove', '/%20']) {
      await open(path)
      expect(grace.page.status).toBe(404)
    }
    await open()
    await grace.submit({ domain: 'acme.test' }, '/domains')
    names.records.set(shown('record-name'), [[shown('record-value')]])
    await grace.submit({}, '/check')
    expect(grace.page.status).toBe(409)
    expect(textOf(grace, 'problem')).toContain('Another organization has verified acme.test')
    await gatehouse.database.db
      .deleteFrom('organizationDomains')
      .where('domain', '=', 'acme.test')
      .where('verifiedAt', 'is', null)
      .execute()
  })

  test('members without rights see nothing', async () => {
    const member = await openAccount(gatehouse, { pick: 'globex', path: '/admin/domains' })
    expect(member.page.status).toBe(403)
  })

  test('a silent name server is no answer', async () => {
    await open()
    await grace.submit({ domain: 'globex.test' }, '/domains')
    isSilent = true
    await grace.submit({}, '/check')
    expect(grace.page.status).toBe(503)
    expect(textOf(grace, 'problem')).toContain('No name server answered')
  })
})
