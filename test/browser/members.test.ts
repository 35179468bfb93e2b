import type { Browser, BrowserContextOptions } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { axeFindings } from '#support/axe.ts'
import { chromiumPath, launchChromium, newVisitor } from '#support/chromium.ts'
import { freePort } from '#support/free-port.ts'
import { type Gatehouse, password, startGatehouse } from '#support/gatehouse.ts'
import { setupWithMembers } from '#support/key-forms.ts'

const wide = { viewport: { width: 1280, height: 800 } }
const phone = { viewport: { width: 320, height: 760 }, colorScheme: 'dark', locale: 'de' } as const
const withoutScripts = { ...wide, javaScriptEnabled: false }

describe.runIf(chromiumPath)('an administrator', () => {
  let gatehouse: Gatehouse
  let browser: Browser
  beforeAll(async () => {
    // Nothing listens there: mails wait.
    const config = { smtpUrl: `smtp://127.0.0.1:${await freePort()}` }
    gatehouse = await startGatehouse({ setup: setupWithMembers, config })
    const { db } = gatehouse.database
    const acme = await db.selectFrom('organizations').select('id').where('slug', '=', 'acme').executeTakeFirstOrThrow()
    const names = ['فريق العمليات', '🚀 Launch', 'Research and development of everything with a long name']
    const teams = [...names, ...Array.from({ length: 9 }, (_, n) => `Squad ${n}`)]
    await db
      .insertInto('teams')
      .values(teams.map((name, n) => ({ id: `team_of_${n}`, organizationId: acme.id, name })))
      .execute()
    browser = await launchChromium()
  })
  afterAll(async () => {
    await browser?.close()
    await gatehouse?.stop()
  })

  test.each([
    ['a wide window', wide],
    ['a phone in German', phone],
    ['a browser without scripts', withoutScripts],
  ] as [string, BrowserContextOptions][])(
    'invites, makes a team, and looks after a member, in %s',
    async (where, options) => {
      const { page, complaints } = await newVisitor(browser, options)
      const hasScripts = options.javaScriptEnabled !== false
      const click = (dataTest: string) => page.click(`[data-test="${dataTest}"]`)
      const saw = (dataTest: string) => page.waitForSelector(`[data-test="${dataTest}"]`)
      const slug = where.replace(/\W/g, '')

      /** Nothing was refused by the policy, nothing is wider than the window, and axe has nothing to say. */
      async function expectTidy() {
        expect(complaints).toEqual([])
        if (!hasScripts) return
        expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
        expect(await axeFindings(page)).toEqual([])
      }

      await page.goto(`${gatehouse.url}/admin/members`)
      await page.fill('input[name=email]', 'ada@acme.test')
      await click('continue')
      await page.fill('input[name=password]', password)
      await click('sign-in')
      await click('organization-acme')
      await saw('members')
      await expectTidy()

      await click('invite')
      await page.fill('[name=emails]', `Bob <bob-${slug}@elsewhere.test>, alan@acme.test; nonsense`)
      await page.fill('[name=find]', 'laun')
      if (hasScripts) {
        expect(await page.locator('#team-ticks label:visible').allInnerTexts()).toEqual(['🚀 Launch'])
      } else {
        await page.fill('[name=find]', '🚀')
        await click('find-team')
      }
      await page.check('text=🚀 Launch')
      await expectTidy()
      await click('send')
      await saw('outcome-member')
      expect(complaints.splice(0)).toEqual([expect.stringContaining('422')])
      expect(await page.inputValue('[name=emails]')).toBe('nonsense')
      expect(await page.isChecked('text=🚀 Launch')).toBe(true)
      await expectTidy()
      await page.fill('[name=emails]', `carol-${slug}@elsewhere.test`)
      await click('send')
      await saw('invited')
      await expectTidy()
      await page.click(`tr:has-text("carol-${slug}") [data-test^="withdraw-"]`)
      await saw('done')

      await page.click('nav a[href="/admin/teams"]')
      await saw('teams')
      await expectTidy()
      await click('create')
      await page.fill('[name=name]', `On call ${slug}`)
      await expectTidy()
      await click('save')
      await saw('no-members')
      await expectTidy()
      await click('add-members')
      await page.fill('[name=q]', 'alan')
      await page.click('[data-test="filter"] button')
      await page.check('text=alan@acme.test')
      await expectTidy()
      await click('add')
      await saw('members')
      await expectTidy()
      await page.click('text=Turing')

      await saw('join-form')
      await expectTidy()
      await page.fill('[name=team]', 'writers')
      await click('join')
      await saw('done')
      await page.click('li:has-text("writers") [data-test^="leave-"]')
      await saw('impact')
      await expectTidy()
      await click('confirm')
      await saw('done')
      await click('to-deactivate')
      await saw('impact')
      await expectTidy()
      await click('confirm')
      await saw('is-deactivated')
      await expectTidy()
      await click('activate')
      await saw('done')

      await page.click(`text=On call ${slug}`)
      await click('to-delete')
      await saw('question')
      await expectTidy()
      await click('confirm')
      await saw('done')
      expect(complaints).toEqual([])
    },
  )
})
