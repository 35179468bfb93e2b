import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { openAccount, pathOf, textOf } from '#support/signed-in.ts'

describe.each(availableDatabases())('the overview of an organization on %s', (database) => {
  let gatehouse: Gatehouse
  let grace: Browser
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database })
    grace = await openAccount(gatehouse, { email: 'grace@globex.test', path: '/admin' })
  })
  afterAll(() => gatehouse.stop())

  const open = async (browser: Browser, path = '/admin') => browser.get(`${gatehouse.url}${path}`)
  const db = () => gatehouse.database.db

  test('shows an administrator how much there is of everything', async () => {
    // S2-26
    expect(pathOf(grace)).toBe('/admin')
    expect(textOf(grace, 'counts')).toContain('2 Members 1 admin')
    expect(textOf(grace, 'counts')).toContain('0 API keys')
  })

  test('leads a new organization to a teammate who signed in and a service that has a key', async () => {
    await open(grace)
    expect(grace.page.html).toContain('data-test="first-steps"')
    expect(textOf(grace, 'first-steps')).toContain('Open: A teammate signs in')
    await openAccount(gatehouse, { email: 'ada@acme.test', pick: 'globex' })
    await open(grace)
    expect(textOf(grace, 'first-steps')).toContain('Done: A teammate signs in')
  })

  test('says what needs attention, each with its cure', async () => {
    await open(grace)
    expect(textOf(grace, 'attention')).toContain('There is only one admin')
    const { id: organizationId } = await db()
      .selectFrom('organizations')
      .select('id')
      .where('slug', '=', 'globex')
      .executeTakeFirstOrThrow()
    await db().insertInto('organizationDomains').values({ domain: 'not-yet.test', organizationId }).execute()
    await open(grace)
    expect(textOf(grace, 'attention')).toContain('A domain is not verified not-yet.test')
    expect(grace.page.html).toContain('href="/admin/domains"')
  })

  test('is an administrator’s: a member is refused, a superadmin is told whose guest they are', async () => {
    const ada = await openAccount(gatehouse, { email: 'ada@acme.test', pick: 'globex', path: '/admin' })
    expect(ada.page.status).toBe(403)
    const root = await openAccount(gatehouse, { email: 'root@example.test', pick: 'globex', path: '/admin' })
    expect(root.page.status).toBe(200)
    expect(textOf(root, 'visiting')).toContain('You are no member of Globex')
  })

  test('shows what needs attention of this organization alone', async () => {
    const ada = await openAccount(gatehouse, { email: 'ada@acme.test', pick: 'acme', path: '/admin' })
    expect(ada.page.html).not.toContain('not-yet.test')
  })
})
