import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, newBrowser } from '#support/federation.ts'
import { type Gatehouse, redirectUri, setup, startGatehouse } from '#support/gatehouse.ts'
import { beginSignIn } from '#support/relying-party.ts'

let gatehouse: Gatehouse

/** As long as issuers may be. */
const longIssuer = (n: number) => `https://idp-${n}.${'x'.repeat(60)}.${'y'.repeat(60)}.example/${'z'.repeat(300)}`

const others = Array.from({ length: 40 }, (_, n) => `org-${n}`)

beforeAll(async () => {
  const organizations = others.map((slug) => `  - { slug: ${slug}, name: ${slug} }`).join('\n')
  gatehouse = await startGatehouse({ setup: `${setup}${organizations}\n` })
  for (const [n, organization] of others.entries()) {
    await connect(gatehouse, { name: organization, organization, issuer: longIssuer(n), displayName: organization })
  }
  for (let n = 0; n < 20; n++) {
    await connect(gatehouse, { name: `acme-${n}`, organization: 'acme', issuer: longIssuer(100 + n) })
  }
})
afterAll(() => gatehouse.stop())

test('whatever tenants configure, no sign-in page has more than two kilobytes of headers or tells of their providers', async () => {
  const toAcme = { parameters: { organization: 'acme' } }
  for (const options of [{}, toAcme]) {
    const { browser } = await beginSignIn(gatehouse.url, { ...options, browser: newBrowser() })
    expect(browser.page.html).toContain('data-test="login"')
    expectSmallHeaders(browser.page.headers)
    await browser.submit({ email: 'ada@acme.test' })
    expectSmallHeaders(browser.page.headers)
    const { browser: another } = await beginSignIn(gatehouse.url, { browser: newBrowser() })
    await another.get(`${another.page.url}/sso`)
    expect(another.page.html).toContain('name="organization"')
    expectSmallHeaders(another.page.headers)
    await another.submit({ organization: 'acme' })
    expect(another.page.html).toContain('acme-19')
    expectSmallHeaders(another.page.headers)
  }
  const browser = newBrowser()
  await browser.get(`${gatehouse.url}/o/acme`)
  expectSmallHeaders(browser.page.headers)
})

function expectSmallHeaders(headers: Headers): void {
  const text = [...headers].map(([name, value]) => `${name}: ${value}\r\n`).join('')
  expect(text.length).toBeLessThan(2048)
  expect(headers.get('content-security-policy')).toContain('form-action')
  expect(text).not.toContain('idp-')
}

test('a page allows its forms only what they can lead to, and any provider only where one may follow from what is entered', async () => {
  const small = await startGatehouse({ setup: `${setup}  - { slug: initech, name: Initech }\n` })
  const own = `'self' ${new URL(redirectUri).origin}`
  const anywhere = `${own} https:`
  /** `form-action` of the sign-in page, the SSO page, the page of `?way=password`, and sign-in to an organization. */
  const policies = async (organization: string) => {
    const { browser } = await beginSignIn(small.url, { browser: newBrowser() })
    const signIn = formActionOf(browser)
    const { url } = browser.page
    await browser.get(`${url}/sso`)
    const sso = formActionOf(browser)
    await browser.get(`${url}?way=password`)
    const byPassword = formActionOf(browser)
    const named = await beginSignIn(small.url, { parameters: { organization }, browser: newBrowser() })
    return { signIn, sso, byPassword, named: formActionOf(named.browser) }
  }
  try {
    expect(await policies('acme')).toEqual({ signIn: own, sso: own, byPassword: own, named: own })
    await connect(small, { name: 'offered', organization: 'globex', issuer: longIssuer(1) })
    expect(await policies('acme')).toEqual({ signIn: own, sso: anywhere, byPassword: own, named: own })
    await connect(small, { name: 'required', organization: 'initech', issuer: longIssuer(2), required: true })
    expect(await policies('acme')).toEqual({ signIn: anywhere, sso: anywhere, byPassword: own, named: own })
    expect(await policies('initech')).toMatchObject({ named: anywhere })
  } finally {
    await small.stop()
  }
})

function formActionOf({ page }: ReturnType<typeof newBrowser>): string | undefined {
  return /form-action ([^;]*)/.exec(page.headers.get('content-security-policy') ?? '')?.[1]
}
