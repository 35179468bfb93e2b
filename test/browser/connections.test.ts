import type { Browser, BrowserContextOptions } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { axeFindings } from '#support/axe.ts'
import { chromiumPath, launchChromium, newVisitor } from '#support/chromium.ts'
import { allowed } from '#support/federation.ts'
import { type Gatehouse, password, startGatehouse } from '#support/gatehouse.ts'
import { type IdentityProvider, startIdentityProvider, upstreamClient } from '#support/identity-provider.ts'

const wide = { viewport: { width: 1280, height: 800 }, permissions: ['clipboard-read', 'clipboard-write'] }
const phone = { ...wide, viewport: { width: 320, height: 760 }, colorScheme: 'dark' } as const
const withoutScripts = { viewport: wide.viewport, javaScriptEnabled: false }

describe.runIf(chromiumPath)('an administrator', () => {
  let provider: IdentityProvider
  let gatehouse: Gatehouse
  let browser: Browser
  beforeAll(async () => {
    provider = await startIdentityProvider()
    gatehouse = await startGatehouse({ config: allowed(provider) })
    browser = await launchChromium()
  })
  afterAll(async () => {
    await browser?.close()
    await gatehouse?.stop()
    await provider?.stop()
  })

  test.each([
    ['a wide window', wide],
    ['a phone', phone],
    ['a browser without scripts', withoutScripts],
  ] as [string, BrowserContextOptions][])('connects, tries and maps a provider in %s', async (_, options) => {
    const { page, complaints } = await newVisitor(browser, options)
    const hasScripts = options.javaScriptEnabled !== false
    const click = (dataTest: string) => page.click(`[data-test="${dataTest}"]`)

    /** Nothing was refused by the policy, nothing is wider than the window, and axe has nothing to say. */
    async function expectTidy() {
      expect(complaints).toEqual([])
      if (!hasScripts) return
      expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
      expect(await axeFindings(page)).toEqual([])
    }

    await page.goto(`${gatehouse.url}/admin/connections`)
    await page.fill('input[name=email]', 'ada@acme.test')
    await click('continue')
    await page.fill('input[name=password]', password)
    await click('sign-in')
    await click('organization-acme')
    await page.waitForSelector('[data-test="no-connections"]')
    await expectTidy()

    await click('add-connection')
    await expectTidy()
    await click('kind-oidc')
    const callback = await page.inputValue('[data-test="copy-callback"]')
    expect(callback).toBe(`${gatehouse.url}/connections/acme-oidc/callback`)
    if (hasScripts) {
      await page.click('button[data-copy="copy-callback"]')
      expect(await page.evaluate('navigator.clipboard.readText()')).toBe(callback)
    }
    await expectTidy()
    await page.fill('input[name=issuer]', provider.issuer)
    await page.fill('input[name=client_id]', upstreamClient.clientId)
    await page.fill('input[name=client_secret]', upstreamClient.clientSecret)
    await page.fill('input[name=display_name]', `Work ${'and everything that belongs to it '.repeat(2)}`)
    await click('create')
    await page.waitForSelector('[data-test="done"]')
    await expectTidy()

    await click('edit')
    await click('add-row')
    await page.fill('input[name=group_claim]', 'groups')
    await page.fill('input[name="group.0"]', 'sre')
    await page.selectOption('select[name="team.0"]', 'writers')
    await expectTidy()
    await page.press('input[name="group.0"]', 'Enter')
    await page.waitForSelector('[data-test="done"]')

    await click('check')
    await page.waitForSelector('[data-test="checked"]')
    await expectTidy()
    provider.person = { sub: 'b', name: 'Bob', email: 'bob@acme.test', email_verified: true, groups: ['sre', 'all'] }
    await click('try')
    await page.waitForSelector('[data-test="tried"]')
    expect(await page.textContent('[data-test="facts"]')).toContain('writers')
    await expectTidy()
    await click('switch-on')
    await page.waitForSelector('[data-test="done"]')
    await click('require')
    await page.waitForSelector('[data-test="locked-out"]')
    await expectTidy()
    await page.goBack()
    await click('remove')
    await expectTidy()
    await click('confirm')
    await page.waitForSelector('[data-test="no-connections"]')

    await page.goto(`${gatehouse.url}/admin/domains`)
    await expectTidy()
    await page.fill('input[name=domain]', 'daughters.test')
    await click('add')
    await page.waitForSelector('[data-test="record-value"]')
    await expectTidy()
    await click('remove')
    await expectTidy()
    await click('confirm')
    await page.waitForSelector('[data-test="done"]')
    await page.context().close()
  })
})
