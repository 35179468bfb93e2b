import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { availableDatabases } from '#support/databases.ts'
import { accountOf, allowed, connect, isAtRelyingParty, signInThrough } from '#support/federation.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { type IdentityProvider, startIdentityProvider } from '#support/identity-provider.ts'

describe.each(availableDatabases())('accounts made just in time where sign-up is closed, on %s', (database) => {
  let gatehouse: Gatehouse
  let okta: IdentityProvider
  beforeAll(async () => {
    okta = await startIdentityProvider()
    gatehouse = await startGatehouse({ database, config: allowed(okta) })
    await connect(gatehouse, { name: 'everybody', issuer: okta.issuer })
    await connect(gatehouse, { name: 'acme-okta', organization: 'acme', issuer: okta.issuer })
  })
  afterAll(async () => {
    await gatehouse.stop()
    await okta.stop()
  })

  test('a connection of the whole deployment makes none', async () => {
    okta.person = { sub: 'stranger', name: 'Stranger', email: 'stranger@elsewhere.test', email_verified: true }
    const { browser } = await signInThrough(gatehouse, 'everybody')
    expect([browser.page.status, browser.page.html]).toEqual([403, expect.stringContaining('have an account here yet')])
    expect(await accountOf(gatehouse, 'stranger@elsewhere.test')).toBeUndefined()
  })

  test('an organization’s own makes them all the same', async () => {
    okta.person = { sub: 'newcomer', name: 'Newcomer', email: 'newcomer@acme.test', email_verified: true }
    const { browser } = await signInThrough(gatehouse, 'acme-okta', { parameters: { organization: 'acme' } })
    expect(isAtRelyingParty(browser)).toBe(true)
  })
})
