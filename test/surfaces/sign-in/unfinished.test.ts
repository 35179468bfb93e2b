import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Browser } from '#support/browser.ts'
import { newBrowser } from '#support/federation.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { beginSignIn, enterPassword, pickOrganization } from '#support/relying-party.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.stop())

const interactionsOf = (browser: Browser) =>
  browser.cookieNames().filter((name) => /interaction-|resume-/.test(name) && !name.endsWith('.sig'))

test('sign-ins that are begun and left do not add up: a browser keeps the last eight', async () => {
  const browser = newBrowser()
  const begun: string[] = []
  for (let n = 0; n < 60; n++) {
    await beginSignIn(gatehouse.url, { browser })
    expect(browser.page.status).toBe(200)
    begun.push(browser.page.url)
  }
  expect(interactionsOf(browser)).toHaveLength(16)
  expect(browser.cookieNames().filter((name) => name.endsWith('.sig'))).toHaveLength(16)

  await browser.get(begun[0]!)
  expect(browser.page.status).toBe(404)
  await browser.get(begun[52]!)
  expect(browser.page.status).toBe(200)
  await enterPassword(browser, 'ada@acme.test')
  await pickOrganization(browser, 'acme')
  expect(browser.page.url).toContain('code=')
})

test('where more were begun at once, each further sign-in leaves fewer', async () => {
  const browser = newBrowser()
  const atOnce = await Promise.all(
    Array.from({ length: 14 }, () => beginSignIn(gatehouse.url, { browser: newBrowser() })),
  )
  for (const { browser: other } of atOnce) {
    for (const name of other.cookieNames()) browser.setCookie(name, other.cookie(name)!)
  }
  for (let n = 0; n < 8; n++) await beginSignIn(gatehouse.url, { browser })
  expect(interactionsOf(browser)).toHaveLength(16)
})
