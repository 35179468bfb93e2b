import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import { type Gatehouse, setup, startGatehouse } from '#support/gatehouse.ts'
import { beginSignIn, enterPassword } from '#support/relying-party.ts'
import { openAccount, textOf } from '#support/signed-in.ts'

const names = Array.from({ length: 12 }, (_, n) => `Department ${String.fromCharCode(65 + n)}`)
const departments = names.map(
  (name) => `  - slug: ${name.toLowerCase().replace(' ', '-')}
    name: ${name}
    members:
      - { email: ada@acme.test }`,
)

describe('the sign-in shows the way on', () => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startGatehouse({
      database: availableDatabases()[0]!,
      setup: `${setup.trimEnd()}\n${departments.join('\n')}\n`,
    })
  })
  afterAll(() => gatehouse.stop())

  const at = (path: string) => `${gatehouse.url}${path}`

  test('the address is in sight where the password is asked for, with a way to change it', async () => {
    const { browser } = await beginSignIn(gatehouse.url)
    await browser.submit({ email: 'grace@globex.test' })
    expect(textOf(browser, 'signed-in-as')).toBe('grace@globex.test')
    await browser.get(new URL(/href="([^"]+)" data-test="not-you"/.exec(browser.page.html)![1]!, gatehouse.url))
    expect(browser.page.html).toContain('data-test="login"')
  })

  test('a chooser of more than ten is searched by the beginning of any word', async () => {
    // S0-05
    const { browser } = await beginSignIn(gatehouse.url)
    await enterPassword(browser, 'ada@acme.test')
    const search = new URL(browser.page.url)
    search.searchParams.set('q', 'k')
    await browser.get(search)
    expect(browser.page.html.match(/data-test="organization-/g)).toHaveLength(1)
    expect(browser.page.html).toContain('data-test="organization-department-k"')
    search.searchParams.set('q', 'nowhere')
    await browser.get(search)
    expect(browser.page.html).toContain('data-test="none-found"')
    search.searchParams.set('q', '')
    await browser.get(search)
    expect(browser.page.html.match(/data-test="organization-/g)).toHaveLength(14)
  })

  test('a chooser of few has nothing to search', async () => {
    const browser = await openAccount(gatehouse, { email: 'grace@globex.test' })
    expect(browser.page.html).not.toContain('data-test="search"')
  })

  test('a sign-in that has ended says so, and where to go on', async () => {
    const { browser } = await beginSignIn(gatehouse.url)
    const address = browser.page.url
    const stranger = new Browser()
    for (const [who, path] of [
      [stranger, address],
      [browser, at('/interaction/there-is-no-such-sign-in')],
    ] as const) {
      await who.get(path)
      expect(who.page.status).toBe(404)
      expect(who.page.html).toContain('data-test="ended"')
      expect(who.page.html).toContain('href="/account"')
    }
  })

  test('who is asked to prove themselves once more is told so, and why', async () => {
    const browser = await openAccount(gatehouse, { email: 'grace@globex.test' })
    await browser.get(
      `${at('/oauth/authorize')}?${new URLSearchParams({
        client_id: 'console',
        response_type: 'code',
        redirect_uri: 'http://localhost:8080/callback',
        scope: 'openid',
        prompt: 'login',
        login_hint: 'grace@globex.test',
        code_challenge: 'x'.repeat(43),
        code_challenge_method: 'S256',
      })}`,
    )
    await browser.submit({ email: 'grace@globex.test' })
    expect(browser.page.html).toContain('Confirm that it’s you')
    expect(browser.page.html).toContain('Console asks you to prove once more who you are.')
  })
})
