import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Browser } from '#support/browser.ts'
import { password } from '#support/gatehouse.ts'
import { beginSignIn } from '#support/relying-party.ts'
import { openAccount } from '#support/signed-in.ts'
import { availableStores, type Deployment, deploy, type Stores } from '#support/wire.ts'

const newPassword = 'seven small boats at anchor'

describe.each(availableStores())('a sign-in that was begun before the password changed, on $name', (store: Stores) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']

  beforeAll(async () => {
    deployment = await deploy(store)
    gatehouse = deployment.gatehouse
  })
  afterAll(() => deployment.stop())

  const newBrowser = () => new Browser((target) => target.port === '8080')

  /** A browser whose password was right, and that has not followed the redirect. */
  async function signInHalfWay(secret: string) {
    const { browser } = await beginSignIn(gatehouse.url, { browser: newBrowser() })
    const body = new URLSearchParams({ _csrf: browser.hidden('_csrf')!, email: 'grace@globex.test', password: secret })
    const headers = { cookie: browser.cookiesFor('/') }
    const answer = await fetch(`${browser.page.url}/login`, { method: 'POST', body, headers, redirect: 'manual' })
    expect(answer.status).toBe(303)
    return { browser, finish: () => browser.get(answer.headers.get('location')!) }
  }

  test('is not finished by it; one begun after it is', async () => {
    const thief = await signInHalfWay(password)
    const owner = await openAccount(gatehouse, {
      browser: newBrowser(),
      email: 'grace@globex.test',
      path: '/account/security',
    })
    await owner.submit({ current_password: password, new_password: newPassword }, '/password')
    await thief.finish()
    expect(thief.browser.page.html).toContain('data-test="login"')
    await beginSignIn(gatehouse.url, { browser: thief.browser, parameters: { prompt: 'none' } })
    expect(thief.browser.page.url).toContain('error=login_required')
    const later = await signInHalfWay(newPassword)
    await later.finish()
    expect(later.browser.page.url).toContain('code=')
    // the session in which it was changed goes on
    await owner.get(`${gatehouse.url}/account/security`)
    expect(owner.page.html).toContain('data-test="change-password"')
  })
})
