import { Browser } from './browser.ts'
import { type Gatehouse, password } from './gatehouse.ts'
import { enterPassword, pickOrganization } from './relying-party.ts'
import { send } from './wire.ts'

/** Opens a page of the account, signing in on the way; ends on that page. */
export async function openAccount(
  gatehouse: Pick<Gatehouse, 'url'>,
  options: { email?: string; secret?: string; pick?: string; path?: string; browser?: Browser } = {},
): Promise<Browser> {
  const { email = 'ada@acme.test', secret = password, pick = 'acme', path = '/account/profile' } = options
  const browser = options.browser ?? new Browser()
  await browser.get(`${gatehouse.url}${path}`)
  if (browser.page.html.includes('name="email"')) await enterPassword(browser, email, secret)
  if (browser.page.html.includes('data-test="select-organization"')) await pickOrganization(browser, pick)
  return browser
}

export function pathOf({ page }: Browser): string {
  const { pathname, search } = new URL(page.url)
  return pathname + search
}

/** The content of the first element with this `data-test`, without tags. */
export function textOf({ page }: Browser, dataTest: string): string {
  const [, tag = '', after = ''] =
    new RegExp(`<([a-z]+)[^>]*data-test="${dataTest}"[^>]*>([\\s\\S]*)`).exec(page.html) ?? []
  return (after.split(`</${tag}>`)[0] ?? '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
}

export function isSignedOut(browser: Browser): boolean {
  return browser.page.html.includes('data-test="login"')
}

/** Whether a node still knows this browser; asking changes nothing. */
export async function isSignedInAt(gatehouse: Gatehouse, port: number, browser: Browser): Promise<boolean> {
  const path = '/account/profile'
  const cookie = browser.cookiesFor(path)
  const answer = await send(gatehouse, port, { path, headers: { cookie, accept: 'text/html' } })
  return answer.status === 200
}
