import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { chromiumPath, launchChromium, newVisitor, type Visitor } from '#support/chromium.ts'
import { type Gatehouse, password, startGatehouse } from '#support/gatehouse.ts'
import { readMail } from '#support/read-mail.ts'

if (!chromiumPath) console.warn('NO CHROMIUM ON THIS MACHINE: the journeys of test/browser are skipped')

const wide = { viewport: { width: 1280, height: 800 } }
const phone = { viewport: { width: 390, height: 760 }, colorScheme: 'dark' } as const
const withoutScripts = { ...wide, javaScriptEnabled: false }

describe.runIf(chromiumPath).each([
  ['a wide window', wide],
  ['a phone', phone],
  ['a browser without scripts', withoutScripts],
] as [string, BrowserContextOptions][])('in %s', (_, options) => {
  let gatehouse: Gatehouse
  let browser: Browser
  let visitors: Visitor[] = []

  beforeAll(async () => {
    gatehouse = await startGatehouse()
    browser = await launchChromium()
  })
  afterAll(async () => {
    await browser?.close()
    await gatehouse?.stop()
  })

  async function visit(path: string): Promise<Page> {
    const visitor = await newVisitor(browser, options)
    visitors.push(visitor)
    await visitor.page.goto(gatehouse.url + path)
    return visitor.page
  }

  /** Nothing was refused by the policy, and nothing is wider than the window. */
  async function expectTidy(page: Page) {
    expect(visitors.flatMap(({ complaints }) => complaints)).toEqual([])
    if (options.javaScriptEnabled === false) return
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
  }

  async function leave() {
    await Promise.all(visitors.map(({ context }) => context.close()))
    visitors = []
  }

  const click = (page: Page, dataTest: string) => page.click(`[data-test="${dataTest}"]`)
  const text = (page: Page, dataTest: string) => page.textContent(`[data-test="${dataTest}"]`)
  const pathOf = (page: Page) => new URL(page.url()).pathname

  test('sign in, choose an organization, look around, switch, sign out', async () => {
    const page = await visit('/account')
    await page.fill('input[name=email]', 'ada@acme.test')
    await page.keyboard.press('Enter')
    await page.fill('input[name=password]', password)
    if (options.javaScriptEnabled !== false) {
      await page.click('button:text-is("Show")')
      expect(await page.getAttribute('input[name=password]', 'type')).toBe('text')
      await page.focus('input[name=password]')
    }
    await page.keyboard.press('Enter')
    await click(page, 'organization-acme')
    await page.waitForSelector('[data-test="permissions"]')
    expect(pathOf(page)).toBe('/account/profile')
    expect(await text(page, 'permissions')).toContain('See configuration items')
    for (const entry of ['Organizations', 'Sessions', 'Security', 'Profile']) {
      await page.click(`nav a:text-is("${entry}")`)
      expect(await page.textContent('h1')).toBe(entry)
      await expectTidy(page)
    }

    await click(page, 'switch')
    await click(page, 'switch-globex')
    await page.waitForSelector('[data-test="permissions"]:has-text("Read reports")')
    expect(await text(page, 'organization-name')).toBe('Globex')

    await click(page, 'avatar')
    expect(await text(page, 'signed-in-as')).toBe('ada@acme.test')
    await click(page, 'sign-out')
    await page.waitForSelector('[data-test="signed-out"]')
    await page.goto(`${gatehouse.url}/account`)
    await page.waitForSelector('[data-test="login"]')
    await expectTidy(page)
    await leave()
  })

  test('forgot the organization’s name: mail, link, sign-in', async () => {
    const page = await visit('/account')
    await click(page, 'forgot-organization')
    await page.fill('input[name=email]', 'ada@acme.test')
    await click(page, 'send')
    await page.waitForSelector('[data-test="organizations-sent"]')
    await expectTidy(page)

    await page.goto(await linkFromMail('/o/globex'))
    expect(await page.textContent('h1')).toBe('Sign in')
    await page.fill('input[name=email]', 'ada@acme.test')
    await click(page, 'continue')
    await page.fill('input[name=password]', password)
    await click(page, 'sign-in')
    await page.waitForSelector('[data-test="permissions"]')
    expect(await text(page, 'organization-name')).toBe('Globex')
    await expectTidy(page)
    await leave()
  })

  test('a new password signs the other browser out', async () => {
    const [here, there] = [await signedIn('grace@globex.test'), await signedIn('grace@globex.test')]
    await here.goto(`${gatehouse.url}/account/security`)
    await here.fill('input[name=current_password]', password)
    await here.fill('input[name=new_password]', `${password} two`)
    await click(here, 'change-password')
    await here.waitForSelector('[data-test="changed"]')
    await there.reload()
    await there.waitForSelector('[data-test="login"]')
    await expectTidy(here)
    await leave()
  })

  async function signedIn(email: string): Promise<Page> {
    const page = await visit('/account')
    await page.fill('input[name=email]', email)
    await click(page, 'continue')
    await page.fill('input[name=password]', password)
    await click(page, 'sign-in')
    await page.waitForSelector('[data-test="permissions"]')
    return page
  }

  /** Without a mail server, mails are files. */
  async function linkFromMail(path: string): Promise<string> {
    const outbox = join(gatehouse.config.dataDir, 'outbox')
    const mail = await vi.waitFor(
      () => {
        const file = readdirSync(outbox).find((name) => name.endsWith('.eml'))
        return readMail(readFileSync(join(outbox, file!), 'utf8'))
      },
      { timeout: 10_000, interval: 50 },
    )
    const link = [...mail.text.matchAll(/https?:\S+/g)].map(([found]) => found).find((found) => found.endsWith(path))
    expect(link).toBe(gatehouse.url + path)
    return link!
  }
})
