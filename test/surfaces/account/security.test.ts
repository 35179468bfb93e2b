import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newTokens } from '#support/api-requests.ts'
import { Browser } from '#support/browser.ts'
import { password, setup } from '#support/gatehouse.ts'
import { signIn } from '#support/relying-party.ts'
import { isSignedInAt, openAccount, pathOf, textOf } from '#support/signed-in.ts'
import { availableStores, type Deployment, deploy, isActive, type Stores } from '#support/wire.ts'

const newPassword = 'seven small boats at anchor'

describe.each(availableStores())('security on $name', (store: Stores) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']
  const people: string[] = []

  beforeAll(async () => {
    deployment = await deploy(store)
    gatehouse = deployment.gatehouse
  })
  afterAll(() => deployment.stop())

  const form = '/account/security/password'

  /** Each test changes the password of somebody of its own. */
  async function newPerson(): Promise<string> {
    people.push(`person${people.length}@globex.test`)
    const users = people.map((email) => `\n  - { email: ${email}, name: Someone, password: "${password}" }`).join('')
    const members = people.map((email) => `\n      - { email: ${email} }`).join('')
    const member = '\n      - { email: grace@globex.test, admin: true, teams: [] }'
    await gatehouse.apply(
      setup.replace('\norganizations:', `${users}\norganizations:`).replace(member, member + members),
    )
    return people.at(-1)!
  }

  const openSecurity = (email: string, secret = password) =>
    openAccount(gatehouse, {
      browser: new Browser((target) => target.port === '8080'),
      email,
      secret,
      path: '/account/security',
    })

  async function liveAt(browser: Browser): Promise<boolean[]> {
    return Promise.all(deployment.ports.map((port) => isSignedInAt(gatehouse, port, browser)))
  }

  async function canSignInWith(email: string, secret: string): Promise<boolean> {
    return pathOf(await openSecurity(email, secret)) === '/account/security'
  }

  async function makeSignInsOld() {
    await sql`update protocol_state set payload = jsonb_set(payload::jsonb, '{loginTs}', to_jsonb(extract(epoch from now())::int - 700))
      where model = 'Session'`.execute(gatehouse.database.db)
  }

  test('a new password ends every other session and token on every node, and leaves traces', async () => {
    const email = await newPerson()
    const other = await openSecurity(email)
    const { tokens } = await signIn(gatehouse.url, { browser: other, email })
    const program = await newTokens(gatehouse, { email })
    const browser = await openSecurity(email)
    await browser.submit({ current_password: password, new_password: newPassword }, form)
    expect(textOf(browser, 'changed')).toContain('Your password has been changed')
    expect(await liveAt(other)).not.toContain(true)
    expect(await liveAt(browser)).not.toContain(false)
    for (const token of [tokens.access_token, tokens.refresh_token!, program.access, program.refresh]) {
      expect(await isActive(gatehouse, token)).toBe(false)
    }
    expect(await canSignInWith(email, password)).toBe(false)
    expect(await canSignInWith(email, newPassword)).toBe(true)
    const { db } = gatehouse.database
    const events = await db.selectFrom('auditLog').selectAll().where('action', '=', 'user.password_changed').execute()
    expect(events.filter(({ subjectName }) => subjectName === email)).toHaveLength(1)
    expect(JSON.stringify(events)).not.toContain(newPassword)
    const mails = await db.selectFrom('mailOutbox').select('template').execute()
    expect(mails).toContainEqual({ template: 'password-changed' })
  })

  test('a wrong current password changes nothing, and is counted with other tries', async () => {
    const email = await newPerson()
    const browser = await openSecurity(email)
    const csrf = browser.hidden('_csrf')!
    const statuses: number[] = []
    for (let tries = 0; tries < 12; tries++) {
      const fields = { _csrf: csrf, current_password: `wrong ${tries}`, new_password: newPassword }
      statuses.push((await browser.post(`${gatehouse.url}${form}`, fields)).status)
    }
    expect(statuses.filter((status) => status === 422)).toHaveLength(10)
    expect(statuses.slice(10)).toEqual([429, 429])
    expect(Number(browser.page.headers.get('retry-after'))).toBeGreaterThan(0)
    // not even the right one now
    await browser.post(`${gatehouse.url}${form}`, {
      _csrf: csrf,
      current_password: password,
      new_password: newPassword,
    })
    expect(browser.page.status).toBe(429)
    await gatehouse.database.pool.query({ text: 'delete from rate_limits' })
    if (!store.redis) expect(await canSignInWith(email, password)).toBe(true)
  })

  test.each([
    ['short', 'at least 8'],
    ['', 'at least 8'],
    ['password123', 'Many people use this'],
    ['P@ssw0rd1', 'Many people use this'],
    ['grace@globex.test', 'e-mail address'],
    [password, 'your current password'],
  ])('the new password %j is refused at its field', async (secret, why) => {
    const browser = await openSecurity('grace@globex.test')
    await browser.submit({ current_password: password, new_password: secret }, form)
    expect(browser.page.status).toBe(422)
    expect(textOf(browser, 'error')).toContain(why)
    expect(browser.page.html).not.toMatch(/name="(?:new|current)_password"[^>]*value=/)
    expect(await canSignInWith('grace@globex.test', password)).toBe(true)
  })

  test.each(['current_password', 'new_password'])(
    '%s longer than 128 characters is 400, before any hashing',
    async (field) => {
      const browser = await openSecurity('grace@globex.test')
      const fields = { current_password: password, new_password: newPassword, [field]: 'x'.repeat(129) }
      await browser.submit(fields, form)
      expect(browser.page.status).toBe(400)
      expect(textOf(browser, 'error')).toContain('at most 128')
    },
  )

  test('128 characters of any kind are taken exactly as they are sent', async () => {
    const email = await newPerson()
    const secret = ` ${'ü é\t'.repeat(25)}x y`.padEnd(128, ' ')
    const browser = await openSecurity(email)
    await browser.submit({ current_password: password, new_password: secret }, form)
    expect(browser.page.status).toBe(200)
    expect(await canSignInWith(email, secret.trim())).toBe(false)
    expect(await canSignInWith(email, secret)).toBe(true)
  })

  test('a short one is changed with a hint at a longer one', async () => {
    const email = await newPerson()
    const browser = await openSecurity(email)
    await browser.submit({ current_password: password, new_password: 'b4rnacle' }, form)
    expect(textOf(browser, 'changed')).toContain('15 characters or more')
  })

  test.runIf(!store.redis)(
    'a sign-in older than ten minutes is asked for again, and its form does nothing',
    async () => {
      const email = await newPerson()
      const browser = await openSecurity(email)
      const csrf = browser.hidden('_csrf')!
      await makeSignInsOld()
      await browser.post(`${gatehouse.url}${form}`, {
        _csrf: csrf,
        current_password: password,
        new_password: newPassword,
      })
      expect(browser.page.html).toContain('data-test="password"')
      expect(await canSignInWith(email, newPassword)).toBe(false)
      await browser.get(`${gatehouse.url}/account/security`)
      expect(browser.page.html).toContain('data-test="confirm"')
      expect(browser.page.html).not.toContain('current_password')
      await browser.get(`${gatehouse.url}/account/security/confirm`)
      // who it is and where is known, so only the password is asked
      expect(browser.page.html).toContain('data-test="password"')
      await browser.submit({ password })
      expect(pathOf(browser)).toBe('/account/security')
      expect(browser.page.html).toContain('name="new_password"')
    },
  )

  test.runIf(!store.redis)('whoever confirms as somebody else is that person afterwards', async () => {
    const browser = await openSecurity('grace@globex.test')
    await makeSignInsOld()
    await browser.get(`${gatehouse.url}/account/security/confirm`)
    await browser.get(`${browser.page.url}?prompt=login`)
    expect(browser.page.html).not.toContain('value="grace@globex.test"')
    await browser.submit({ email: 'ada@acme.test', password })
    await browser.submit({}) // the library signs the first one out
    expect(textOf(browser, 'signed-in-as')).toBe('ada@acme.test')
    expect(textOf(browser, 'organization-name')).toBe('Globex')
  })
})
