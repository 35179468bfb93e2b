import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BrowserContext, chromium, type Page } from 'playwright-core'

/**
 * `npm run pictures`: takes the pictures of the README from the demo, each in light and in dark. CHROMIUM names the
 * browser, where it isn't /usr/bin/chromium.
 */
const folder = fileURLToPath(new URL('.', import.meta.url))
const port = 20_000 + Math.floor(Math.random() * 20_000)
const issuer = `http://localhost:${port}`
const email = 'ada@acme.test'

const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-pictures-'))
const server = spawn(process.execPath, ['src/main.ts'], {
  env: { ...process.env, PORT: String(port), DATA_DIR: dataDir, LOG_LEVEL: 'warn' },
  stdio: ['ignore', 'pipe', 'inherit'],
})
try {
  const password = await passwordOf(email)
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  })
  for (const colorScheme of ['light', 'dark'] as const) {
    const context = await browser.newContext({ colorScheme, viewport: { width: 1180, height: 760 }, locale: 'en' })
    await takeAll(context, colorScheme, password)
    await context.close()
  }
  await browser.close()
} finally {
  server.kill('SIGTERM')
  await once(server, 'exit')
  rmSync(dataDir, { recursive: true, force: true })
}

/** The banner tells it once. */
async function passwordOf(person: string): Promise<string> {
  let banner = ''
  for await (const chunk of server.stdout!) {
    banner += chunk
    if (banner.includes('gatehouse ready')) break
  }
  server.stdout!.resume()
  const [, password = ''] = new RegExp(`${person} +(\\S+)`).exec(banner) ?? []
  return password
}

async function takeAll(context: BrowserContext, colorScheme: string, password: string): Promise<void> {
  const page = await context.newPage()
  const take = (name: string) => page.screenshot({ path: `${folder}${name}-${colorScheme}.png` })
  await signIn(page, password, async () => take('choose'))
  await page.goto(`${issuer}/admin`)
  await take('overview')
  await page.goto(`${issuer}/admin/grants`)
  await take('grants')
  await page.goto(`${issuer}/admin/members`)
  await take('members')
}

async function signIn(page: Page, password: string, atChooser: () => Promise<unknown>): Promise<void> {
  await page.goto(`${issuer}/account`)
  await page.fill('input[name=email]', email)
  await page.keyboard.press('Enter')
  await page.fill('input[name=password]', password)
  await page.keyboard.press('Enter')
  await page.waitForSelector('[data-test="select-organization"]')
  await atChooser()
  await page.click('[data-test="organization-acme"]')
  await page.waitForSelector('[data-test="permissions"]')
}
