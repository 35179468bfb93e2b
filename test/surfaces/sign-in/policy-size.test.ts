import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, newBrowser } from '#support/federation.ts'
import { type Gatehouse, setup, startGatehouse } from '#support/gatehouse.ts'
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
