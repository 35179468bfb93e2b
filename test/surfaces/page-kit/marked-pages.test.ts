import { afterAll, beforeAll, expect, test } from 'vitest'
import { Browser } from '#support/browser.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { linksIn, unmarkedTexts } from '#support/marked-text.ts'
import { openAccount } from '#support/signed-in.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse({ config: { signUp: 'open' } })
})
afterAll(() => gatehouse.stop())

/** What people and programs have chosen, and what has no language. */
const data = [
  // What identity providers are called, and call their own fields.
  /\b(Okta|Microsoft Entra ID|Google|GitHub|Keycloak|OpenID Connect)\b/g,
  /\b(Client ID|Client [Ss]ecret|Homepage URL|Authorization callback URL)\b/g,
  /\b(Sign-(in|out)|Valid( post logout)?) redirect URIs\b/g,
  /\S+@\S+/g,
  /https?:\/\/\S+|localhost:\d+\S*|\/\S*/g,
  /\b(Ada|Root|Grace|Noor|Acme Corporation|Globex|Gatehouse|Console|Web application|Television)\b/g,
  /\b(acme|globex|inventory-api|reports-api|nightly-export|webapp|tv|console|test)\b/g,
  /\b(readers|writers|auditors|kubernetes|proxmox|ceph|prod-cluster)\b/g,
  /\b[a-z-]+:(read|write|\*)|\b(configuration-items|reports|read|write)\b|See configuration items|Read reports/g,
  /\b[a-z_]+\.[a-z_]+\b/g,
  /\b(usr|org|key|tea|cli)_\w+|\b[A-Z]{2,6}\b|#[0-9a-f]{6}\b/g,
  // The programs that run this.
  /\b(node|gatehouse|PostgreSQL|Redis)\b/g,
  /\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b(ES256|RS256|EdDSA)\b/g,
  /\b(English|Deutsch|français)\b/g,
]

function left(text: string): string {
  return data.reduce((rest, pattern) => rest.replace(pattern, ''), text)
}

/** The audit log shows kinds, fields and values as the API names them. */
function isCode(path: string, text: string): boolean {
  return path.endsWith('/audit-log') && /^[a-z0-9_:, -]+$|^[{["]/.test(text)
}

/** Opens every page that links lead to from `starts`, and collects what they say without a catalogue. */
async function crawl(browser: Browser, starts: string[]): Promise<{ pages: string[]; found: string[] }> {
  const queue = [...starts]
  const seen = new Set<string>()
  const found: string[] = []
  while (queue.length > 0 && seen.size < mostPages) {
    const path = queue.shift()!
    const kind = path.split('?')[0]!
    if (seen.has(kind) || leadsAway.test(path)) continue
    seen.add(kind)
    const { html, headers, url } = await browser.get(gatehouse.url + path)
    if (!headers.get('content-type')?.includes('text/html')) continue
    expect([path, headers.get('content-language')]).toEqual([path, 'x-marked'])
    const texts = unmarkedTexts(html).filter((text) => !isCode(kind, text))
    found.push(...texts.filter((text) => /\p{L}{2}/u.test(left(text))).map((text) => `${path}: ${text}`))
    queue.push(...linksIn(html, url))
  }
  return { pages: [...seen], found }
}

const mostPages = 120
/** API docs are English; signing out would end the crawl; what is downloaded has no language. */
const leadsAway = /^\/(docs|openapi|assets|\.well-known|oauth\/logout)|\.(csv|ndjson)/

test('pages for people who are not signed in say nothing that is not in a catalogue', async () => {
  const browser = new Browser()
  browser.headers = { 'accept-language': 'x-marked' }
  const starts = [
    '/',
    '/organizations',
    '/organizations/forgot',
    '/o/acme',
    '/reset-password',
    '/sign-up',
    '/device',
    '/nowhere',
  ]
  const { pages, found } = await crawl(browser, [
    ...starts,
    '/invitation',
    '/account/signed-out',
    '/account/signed-in?error=access_denied',
    '/account',
  ])
  expect(found).toEqual([])
  expect(pages.length).toBeGreaterThan(10)
})

test.each([
  [
    'an administrator',
    'ada@acme.test',
    ['/account', '/account/api-keys/new', '/account/email', '/admin', '/admin/api-keys/new'],
    20,
  ],
  ['a superadmin', 'root@example.test', ['/account', '/admin', '/deployment'], 20],
])('nor do those of %s', async (_, email, starts, least) => {
  const browser = new Browser()
  browser.headers = { 'accept-language': 'x-marked' }
  await openAccount(gatehouse, { browser, email })
  const { pages, found } = await crawl(browser, starts)
  expect(found).toEqual([])
  expect(pages.length).toBeGreaterThan(least)
})
