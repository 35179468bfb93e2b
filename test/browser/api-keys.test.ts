import type { Browser, BrowserContextOptions } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromiumPath, launchChromium, newVisitor } from '#support/chromium.ts'
import { type Gatehouse, password, startGatehouse } from '#support/gatehouse.ts'

const wide = { viewport: { width: 1280, height: 800 }, permissions: ['clipboard-read', 'clipboard-write'] }
const phone = { ...wide, viewport: { width: 390, height: 760 }, colorScheme: 'dark' } as const
const withoutScripts = { viewport: wide.viewport, javaScriptEnabled: false }

describe.runIf(chromiumPath).each([
  ['a wide window', wide],
  ['a phone', phone],
  ['a browser without scripts', withoutScripts],
] as [string, BrowserContextOptions][])('in %s', (_, options) => {
  let gatehouse: Gatehouse
  let browser: Browser
  const hasScripts = options.javaScriptEnabled !== false

  beforeAll(async () => {
    gatehouse = await startGatehouse()
    browser = await launchChromium()
  })
  afterAll(async () => {
    await browser?.close()
    await gatehouse?.stop()
  })

  test('make a key, copy it, use it, revoke it, delete it', async () => {
    const { page, complaints } = await newVisitor(browser, options)
    const click = (dataTest: string) => page.click(`[data-test="${dataTest}"]`)

    /** Nothing was refused by the policy, nothing is wider than the window, and no pill is broken. */
    async function expectTidy() {
      expect(complaints).toEqual([])
      if (!hasScripts) return
      expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
      const heights = await page.locator('.pill').evaluateAll((pills) => pills.map((pill) => pill.clientHeight))
      expect(heights.filter((height) => height > 26)).toEqual([])
    }

    await page.goto(`${gatehouse.url}/account/api-keys`)
    await page.fill('input[name=email]', 'grace@globex.test')
    await click('continue')
    await page.fill('input[name=password]', password)
    await click('sign-in')
    await page.waitForSelector('[data-test="no-keys"]')
    await expectTidy()

    await click('create-key')
    const name = `Nightly export${' of everything that anybody ever ordered'.repeat(4)}`
    await page.fill('input[name=name]', name)
    await page.fill('input[name=description]', 'On the old server')
    await page.check('input[name=expires][value="7"]')
    await expectTidy()
    await click('continue')
    await page.waitForSelector('[data-test="summary"]')
    await expectTidy()
    await click('change')
    await page.waitForSelector('[data-test="new-key"]')
    expect(await page.inputValue('input[name=name]')).toBe(name)
    await click('continue')
    await click('confirm')

    await page.waitForSelector('[data-test="created"]')
    await expectTidy()
    const key = await page.inputValue('[data-test="key"]')
    expect(page.url()).toBe(`${gatehouse.url}/account/api-keys`)
    expect(await page.isVisible('[data-test="copy"]')).toBe(hasScripts)
    if (hasScripts) {
      await click('copy')
      await page.waitForSelector('[data-test="copy"]:text-is("Copied")')
      expect(await page.evaluate('navigator.clipboard.readText()')).toBe(key)
      await click('copy-curl')
      await page.waitForSelector('[data-test="copy-curl"]:text-is("Copied")')
      expect(await page.evaluate('navigator.clipboard.readText()')).toContain(`${gatehouse.url}/v1/me`)
    }
    await page.focus('[data-test="key"]')
    await page.keyboard.press('Control+A')
    expect((await gatehouse.introspect(key)).json).toMatchObject({ active: true, username: 'grace@globex.test' })

    await click('kept')
    await page.waitForSelector('[data-test="keys"]')
    expect(await page.content()).not.toContain(key)
    expect(await page.textContent('.pill')).toBe('Active')
    await expectTidy()

    // The menu opens and is walked with the keyboard alone.
    await page.focus('[data-test="actions"]')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.row-menu[open]')
    await expectTidy()
    await page.focus('.row-menu a:text-is("Revoke")')
    await page.keyboard.press('Enter')
    await page.waitForSelector('[data-test="revoke"]')
    expect(await page.textContent('[data-test="last-used"]')).toContain('just now')
    await expectTidy()
    await click('confirm')
    await page.waitForSelector('.pill:text-is("Revoked")')
    expect((await gatehouse.introspect(key)).json).toEqual({ active: false })

    await click('actions')
    await page.click('.row-menu button:text-is("Re-activate")')
    await page.waitForSelector('[data-test="done"]:has-text("works again")')
    expect((await gatehouse.introspect(key)).json).toMatchObject({ active: true })

    await click('actions')
    await page.click('.row-menu a:text-is("Delete")')
    await page.waitForSelector('[data-test="delete"]')
    await expectTidy()
    await click('confirm')
    await page.waitForSelector('[data-test="no-keys"]')
    expect((await gatehouse.introspect(key)).json).toEqual({ active: false })
    await expectTidy()
  })
})
