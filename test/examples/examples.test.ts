import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Browser } from '#support/browser.ts'
import { freePort } from '#support/free-port.ts'
import { type Gatehouse, password, startGatehouse } from '#support/gatehouse.ts'
import { enterPassword, pickOrganization } from '#support/relying-party.ts'

const examples = new URL('../../examples/', import.meta.url)
const children: ChildProcess[] = []

let gatehouse: Gatehouse
let relyingParty: string
let resourceServer: string
beforeAll(async () => {
  const [port, apiPort] = [await freePort(), await freePort()]
  const setup = readFileSync(new URL('gatehouse.yaml', examples), 'utf8')
  gatehouse = await startGatehouse({ setup: setup.replaceAll('localhost:8080', `localhost:${port}`) })
  resourceServer = await startExample('resource-server', { PORT: String(apiPort) })
  relyingParty = await startExample('relying-party', { PORT: String(port), API: resourceServer })
})
afterAll(async () => {
  await Promise.all(children.map(stopExample))
  await gatehouse?.stop()
})

describe('the relying party and the resource server', () => {
  test('sign a person in, show the rows of the organization that was picked, refresh and sign out', async () => {
    const browser = new Browser()
    await browser.get(relyingParty)
    expect(browser.page.html).toContain('href="/sign-in"')
    await browser.get(`${relyingParty}sign-in`)
    await enterPassword(browser, 'ada@acme.test')
    await pickOrganization(browser, await idOf('acme'))
    expect(browser.page.url).toBe(relyingParty)
    expect(browser.page.html).toContain('acting in <b>Acme Corporation</b>')
    expect(shownItems(browser)).toEqual(['web-frontend', 'build-machine'])

    await browser.submit({}, '/refresh')
    expect(shownItems(browser)).toEqual(['web-frontend', 'build-machine'])
    expect(await countOf('refresh_token')).toEqual({ live: 1, spent: 1 })

    await browser.submit({}, '/sign-out')
    await browser.submit({ logout: 'yes' })
    expect(browser.page.url).toBe(relyingParty)
    expect(browser.page.html).toContain('href="/sign-in"')
    await browser.get(`${relyingParty}sign-in`)
    expect(browser.page.html).toContain('name="email"')
  })

  test('skip the choice when the application names the organization', async () => {
    const browser = await signedIn('ada@acme.test', 'globex')
    expect(browser.page.html).toContain('acting in <b>Globex</b>')
    expect(shownItems(browser)).toEqual(['globex-shop'])
  })

  test('say 403 without the permission, and show no row without a data scope', async () => {
    // S0-35, S0-36
    expect((await signedIn('linus@acme.test', 'acme')).page.html).toContain('answered 403')
    const grace = await signedIn('grace@globex.test', 'globex')
    expect(grace.page.html).toContain('answered 200')
    expect(shownItems(grace)).toEqual([])
  })

  test('tell a person who does not belong to the organization', async () => {
    const browser = await signedIn('grace@globex.test', 'acme')
    expect(browser.page.status).toBe(403)
    expect(browser.page.html).toContain('does not belong to this organization')
  })

  test('ask for a new sign-in when the grant has ended', async () => {
    const browser = await signedIn('ada@acme.test', 'acme')
    await gatehouse.database.db.updateTable('oauthGrants').set({ revokedAt: new Date() }).execute()
    await browser.get(relyingParty)
    expect(browser.page.html).toContain('href="/sign-in"')
  })
})

describe('the resource server', () => {
  test('refuses a request without a usable credential', async () => {
    // S0-33
    for (const headers of [{}, { Authorization: 'Bearer nonsense' }, { 'X-API-Key': 'nonsense' }]) {
      const response = await fetch(`${resourceServer}configuration-items`, { headers })
      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).toBe('Bearer')
    }
  })

  test('serves a service account, and its use is in the authentication log with what the server told', async () => {
    const response = await fetch(`${resourceServer}configuration-items?secret=1`, {
      headers: { Authorization: `Bearer ${await serviceToken()}`, 'User-Agent': 'nightly/1' },
    })
    expect(await response.json()).toMatchObject({ items: [{ name: 'nightly-backups' }] })
    const entry = await gatehouse.database.db
      .selectFrom('authenticationLog')
      .selectAll()
      .where('userAgent', '=', 'nightly/1')
      .executeTakeFirstOrThrow()
    expect(entry).toMatchObject({ outcome: 'accepted', clientId: 'nightly-export', resourceServer: 'inventory-api' })
    expect(entry).toMatchObject({ method: 'GET', path: '/configuration-items', ip: expect.stringMatching(/127|::1/) })
  })

  test('serves nobody while Gatehouse cannot be asked', async () => {
    const [port, nobody] = [await freePort(), await freePort()]
    const environment = { PORT: String(port), ISSUER: `http://localhost:${nobody}` }
    const cutOff = await startExample('resource-server', environment)
    const response = await fetch(`${cutOff}configuration-items`, { headers: { Authorization: 'Bearer some-token' } })
    expect(response.status).toBe(503)
  })
})

async function signedIn(email: string, organization: string): Promise<Browser> {
  const browser = new Browser()
  await browser.get(`${relyingParty}sign-in?organization=${organization}`)
  await enterPassword(browser, email, password)
  return browser
}

/** Names of the rows on the page. */
function shownItems({ page }: Browser): string[] {
  return [...page.html.matchAll(/&#34;name&#34;: &#34;([a-z-]+)&#34;/g)].map(([, name = '']) => name)
}

async function idOf(slug: string): Promise<string> {
  const { db } = gatehouse.database
  return (await db.selectFrom('organizations').select('id').where('slug', '=', slug).executeTakeFirstOrThrow()).id
}

async function countOf(kind: 'refresh_token') {
  const { db } = gatehouse.database
  const rows = await db.selectFrom('credentials').select('spentAt').where('kind', '=', kind).execute()
  const spent = rows.filter((row) => row.spentAt).length
  return { live: rows.length - spent, spent }
}

async function serviceToken(): Promise<string> {
  const response = await fetch(`${gatehouse.url}/oauth/token`, {
    method: 'POST',
    headers: { Authorization: `Basic ${btoa('nightly-export:nightly-export-secret-for-the-example')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  })
  return ((await response.json()) as { access_token: string }).access_token
}

/** Runs an example as its README says. @returns its address, once it is listening */
async function startExample(name: string, environment: NodeJS.ProcessEnv): Promise<string> {
  const file = new URL(`${name}/server.ts`, examples).pathname
  const child = spawn(process.execPath, [file], {
    env: { PATH: process.env.PATH, ISSUER: gatehouse.url, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  for await (const line of createInterface({ input: child.stdout! })) {
    const url = /http:\S+/.exec(line)?.[0]
    if (url) return url
  }
  throw new Error(`the example ${name} ended before it listened`)
}

async function stopExample(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill()
  await once(child, 'exit')
}
