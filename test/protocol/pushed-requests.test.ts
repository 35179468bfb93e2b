import { sql } from 'kysely'
import * as client from 'openid-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import { type Gatehouse, redirectUri, startGatehouse } from '#support/gatehouse.ts'
import { enterPassword, pickOrganization } from '#support/relying-party.ts'
import { postForm } from '#support/wire.ts'

describe.each(availableDatabases())('a pushed request (RFC 9126), on %s,', (database) => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database })
  })
  afterAll(() => gatehouse.stop())

  async function push() {
    const { json } = await postForm(gatehouse, '/oauth/par', {
      client_id: 'console',
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: 'openid',
      code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()),
      code_challenge_method: 'S256',
    })
    expect(json.expires_in).toBe(60)
    const url = new URL('/oauth/authorize', gatehouse.url)
    url.search = String(new URLSearchParams({ client_id: 'console', request_uri: String(json.request_uri) }))
    return url
  }

  /** As waiting would. */
  const age = (seconds: number) =>
    sql`update protocol_state set expires_at = expires_at - make_interval(secs => ${seconds}),
      payload = jsonb_set(payload, '{exp}', to_jsonb((payload->>'exp')::bigint - ${seconds}::int))
      where model = 'PushedAuthorizationRequest'`.execute(gatehouse.database.db)

  const open = async (url: URL) => {
    const browser = new Browser((target) => target.port === '8080')
    await browser.get(url)
    return browser
  }

  test('begins no sign-in after a minute', async () => {
    const url = await push()
    await age(50)
    expect((await open(url)).page.html).toContain('name="email"')
    await age(11)
    const late = await open(url)
    expect(late.page.status).toBe(400)
    expect(late.page.html).not.toContain('name="email"')
  })

  test('lasts for a sign-in that began in time', async () => {
    const browser = await open(await push())
    await age(600)
    await enterPassword(browser, 'ada@acme.test')
    await pickOrganization(browser, 'acme')
    expect(browser.page.url).toContain('code=')
  })
})
