import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  accountOf,
  allowed,
  claimsOf,
  connect,
  countUsers,
  isAtRelyingParty,
  signInThrough,
} from '#support/federation.ts'
import { type Gatehouse, password, startGatehouse } from '#support/gatehouse.ts'
import { type GitHub, startGitHub } from '#support/github.ts'
import { type IdentityProvider, startIdentityProvider } from '#support/identity-provider.ts'

describe('Google', () => {
  let gatehouse: Gatehouse
  let google: IdentityProvider
  let count = 0

  beforeAll(async () => {
    google = await startIdentityProvider({ claimsInIdToken: true })
    gatehouse = await startGatehouse({ config: { ...allowed(google), signUp: 'open' } })
    const atGoogle = { type: 'google', issuer: google.issuer } as const
    await connect(gatehouse, { name: 'google', ...atGoogle })
    await connect(gatehouse, { name: 'acme-google', organization: 'acme', ...atGoogle })
    await connect(gatehouse, { name: 'globex-google', organization: 'globex', ...atGoogle })
  })
  beforeEach(() => {
    count += 1
  })
  afterAll(async () => {
    await gatehouse.stop()
    await google.stop()
  })

  /** As documented: `sub` of digits, `hd` for Workspace accounts only. */
  const person = (email: string, more: Record<string, unknown> = {}) => {
    google.person = { sub: `1096${count}`, name: 'Gina', email, email_verified: true, ...more }
  }

  const verifiedOf = async (email: string) => (await accountOf(gatehouse, email))?.user.emailVerifiedAt !== null

  test.each([
    ['at Gmail', `gina${1}@gmail.com`, {}, true],
    ['in a Workspace', 'gina@workspace.test', { hd: 'workspace.test' }, true],
    ['of somebody else', 'gina@elsewhere.test', {}, false],
    ['in a Workspace, not verified', 'gina2@workspace.test', { hd: 'workspace.test', email_verified: false }, false],
  ])('vouches for an address %s: %s', async (_, email, more, verified) => {
    person(email, more)
    // No organization yet, and a page that says so
    const { browser } = await signInThrough(gatehouse, 'google')
    expect(browser.page.html).toContain('data-test="no-organization"')
    expect(await verifiedOf(email)).toBe(verified)
  })

  test('links nobody to an existing account, whatever it vouches for', async () => {
    await gatehouse.apply(`users: [{ email: known@gmail.com, name: Known, password: "${password}" }]`)
    person('known@gmail.com')
    const { browser } = await signInThrough(gatehouse, 'google')
    expect(browser.page.html).toContain('data-test="prove-account"')
    await browser.submit({ password })
    expect(browser.page.html).toContain('data-test="no-organization"')
    expect((await accountOf(gatehouse, 'known@gmail.com'))?.identities).toHaveLength(1)
  })

  test('brings only its own people into an organization that has domains', async () => {
    person('stranger@gmail.com')
    const before = await countUsers(gatehouse)
    const refused = await signInThrough(gatehouse, 'acme-google', { parameters: { organization: 'acme' } })
    expect(refused.browser.page.status).toBe(403)
    expect(await countUsers(gatehouse)).toBe(before)
    count += 1
    person('gina@acme.test', { hd: 'acme.test' })
    const flow = await signInThrough(gatehouse, 'acme-google', { parameters: { organization: 'acme' } })
    expect(await claimsOf(flow)).toMatchObject({ org_slug: 'acme' })
    count += 1
    person('anybody@gmail.com')
    const open = await signInThrough(gatehouse, 'globex-google', { parameters: { organization: 'globex' } })
    expect(await claimsOf(open)).toMatchObject({ org_slug: 'globex' })
  })
})

describe('GitHub', () => {
  let gatehouse: Gatehouse
  let github: GitHub

  beforeAll(async () => {
    github = await startGitHub()
    gatehouse = await startGatehouse({ config: { ...allowed(github), signUp: 'open' } })
    await connect(gatehouse, { name: 'github', type: 'github', issuer: github.issuer, organization: 'globex' })
    await connect(gatehouse, { name: 'shared-github', type: 'github', issuer: github.issuer })
  })
  beforeEach(() => {
    github.reset()
  })
  afterAll(async () => {
    await gatehouse.stop()
    await github.stop()
  })

  const toGlobex = { parameters: { organization: 'globex' } }
  const through = () => signInThrough(gatehouse, 'github', toGlobex)

  test('signs in by numeric id, with the primary verified address', async () => {
    // S2-06, S2-07
    const { sub } = await claimsOf(await through())
    const account = (await accountOf(gatehouse, 'octocat@example.test'))!
    expect(account.user).toMatchObject({ id: sub, name: 'The Octocat' })
    expect(account.identities).toMatchObject([{ subject: '583231', issuer: github.issuer }])
    // what an organization calls GitHub may be anybody: its word on addresses counts for nothing
    expect(account.user.emailVerifiedAt).toBeNull()
    // another login name and address, the same id
    github.user = { id: 583231, login: 'renamed', name: null }
    github.emails = [{ email: 'octo@example.test', primary: true, verified: true }]
    expect((await claimsOf(await through())).sub).toBe(sub)
    expect((await accountOf(gatehouse, 'octo@example.test'))?.user).toMatchObject({ id: sub, name: 'renamed' })
    // the same login name, another id
    github.user = { id: 999, login: 'octocat', name: 'Impostor' }
    github.emails = [{ email: 'impostor@example.test', primary: true, verified: true }]
    expect((await claimsOf(await through())).sub).not.toBe(sub)
  })

  test('of the operator’s choice vouches for the address', async () => {
    github.user = { id: 4711, login: 'shared', name: 'Shared' }
    github.emails = [{ email: 'shared@example.test', primary: true, verified: true }]
    await signInThrough(gatehouse, 'shared-github')
    expect((await accountOf(gatehouse, 'shared@example.test'))?.user.emailVerifiedAt).toBeInstanceOf(Date)
  })

  test.each([
    ['a primary address that is not verified', [{ email: 'victim@example.test', primary: true, verified: false }]],
    ['a verified address that is not primary', [{ email: 'victim@example.test', primary: false, verified: true }]],
    ['no address', []],
  ])('takes nobody’s word for %s', async (_, emails) => {
    github.user = { id: 777, login: 'mallory', name: 'Mallory' }
    github.emails = emails
    const before = await countUsers(gatehouse)
    const { browser } = await through()
    expect(browser.page.status).toBe(403)
    expect(browser.page.html).toContain('Your e-mail address is missing')
    expect(await countUsers(gatehouse)).toBe(before)
  })

  test.each([
    ['no id', { login: 'x' }],
    ['a text as id', { id: '583231', login: 'x' }],
    ['a fraction as id', { id: 1.5, login: 'x' }],
    ['an id beyond what numbers hold', { id: 2 ** 60, login: 'x' }],
    ['nothing', null],
  ])('signs nobody in with %s', async (_, user) => {
    github.user = user as never
    const { browser } = await through()
    expect([browser.page.status, isAtRelyingParty(browser)]).toEqual([400, false])
  })

  test.each(['/api/v3/user', '/api/v3/user/emails', '/login/oauth/access_token'])(
    'signs nobody in when %s is refused or fails',
    async (path) => {
      for (const status of [401, 403, 404, 500]) {
        github.fail = { path, status }
        const { browser } = await through()
        expect([400, 502]).toContain(browser.page.status)
        expect(isAtRelyingParty(browser)).toBe(false)
      }
    },
  )

  test('a code that GitHub doesn’t know signs nobody in', async () => {
    github.code = 'another'
    const { browser } = await through()
    expect([browser.page.status, isAtRelyingParty(browser)]).toEqual([400, false])
  })
})
