import type { Browser, BrowserContextOptions } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { withCarol } from '#support/access.ts'
import { axeFindings } from '#support/axe.ts'
import { chromiumPath, launchChromium, newVisitor } from '#support/chromium.ts'
import { type Gatehouse, password, startGatehouse } from '#support/gatehouse.ts'

const wide = { viewport: { width: 1280, height: 800 } }
const phone = { viewport: { width: 320, height: 760 }, colorScheme: 'dark' } as const
const withoutScripts = { ...wide, javaScriptEnabled: false }

describe.runIf(chromiumPath)('an administrator', () => {
  let gatehouse: Gatehouse
  let browser: Browser
  beforeAll(async () => {
    gatehouse = await startGatehouse({ setup: withCarol })
    browser = await launchChromium()
  })
  afterAll(async () => {
    await browser?.close()
    await gatehouse?.stop()
  })

  test.each([
    ['a wide window', wide],
    ['a phone', phone],
    ['a browser without scripts', withoutScripts],
  ] as [string, BrowserContextOptions][])(
    'gives, explains and takes away, and makes a service account, in %s',
    async (_, options) => {
      const { page, complaints } = await newVisitor(browser, options)
      const click = (dataTest: string) => page.click(`[data-test="${dataTest}"]`)

      /** Nothing was refused by the policy, nothing is wider than the window, and axe has nothing to say. */
      async function expectTidy() {
        expect(complaints).toEqual([])
        if (options.javaScriptEnabled === false) return
        expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
        expect(await axeFindings(page)).toEqual([])
      }

      await page.goto(`${gatehouse.url}/admin/grants?q=carol`)
      await page.fill('input[name=email]', 'ada@acme.test')
      await click('continue')
      await page.fill('input[name=password]', password)
      await click('sign-in')
      await click('organization-acme')
      await page.waitForSelector('[data-test="matrix"]')
      await expectTidy()

      await page.click('text=Carol')
      await page.check('input[name="may:reports:read"]')
      await page.fill('input[name=source]', 'ceph')
      await click('save')
      await page.waitForSelector('[data-test="done"]')
      await expectTidy()

      await page.click('a.why[href$="reports%3Aread"]')
      await page.waitForSelector('[data-test="because"]')
      await expectTidy()
      await page.goBack()

      await page.uncheck('input[name="may:reports:read"]')
      await page.check('.drop input')
      await click('save')
      await page.waitForSelector('[data-test="people"]')
      await expectTidy()
      await click('take-away')
      await page.waitForSelector('[data-test="no-scopes"]')

      await page.click('nav a[href="/admin/service-accounts"]')
      await page.waitForSelector('[data-test="service-accounts"]')
      await expectTidy()
      await click('create')
      await page.fill('input[name=name]', 'Nightly report')
      await expectTidy()
      await click('save')
      const secret = await page.inputValue('[data-test="secret"]')
      expect(secret).not.toBe('')
      await expectTidy()
      await page.reload()
      await page.waitForSelector('[data-test="shown-already"]')
      expect(await page.content()).not.toContain(secret)
      await click('to-page')
      await page.waitForSelector('[data-test="secrets"]')
      await expectTidy()
      await click('delete')
      await page.waitForSelector('[data-test="breaks"]')
      await expectTidy()
      await click('confirm')
      await page.waitForSelector('[data-test="done"]')
      expect(complaints).toEqual([])
    },
  )
})
