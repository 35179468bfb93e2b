import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { decodeJwt } from 'jose'
import { sql } from 'kysely'
import { expect, inject, test } from 'vitest'
import { Browser } from '#support/browser.ts'
import {
  confidentialClient,
  jwtResourceServer,
  password,
  redirectUri,
  resourceServer,
  serviceAccount,
} from '#support/gatehouse.ts'
import { beginSignIn, enterPassword, pickOrganization } from '#support/relying-party.ts'
import { availableStores, type Deployment, deploy, postForm, requestToken, type Stores } from '#support/wire.ts'

const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'

test.each(availableStores())('nothing that opens anything can be read in a dump of $name', async (store: Stores) => {
  const deployment = await deploy(store)
  const { gatehouse, redis } = deployment
  try {
    const secrets = await issueOneOfEach(gatehouse)
    const dumps = {
      database: await dumpTables(deployment),
      redis: redis ? await dumpRedis(redis.keyPrefix) : '',
      'data directory': readFolder(gatehouse.config.dataDir),
      log: gatehouse.logLines.join(''),
    }
    // the dumps show what they should: ids, addresses, hashes
    expect(dumps.database).toContain('ada@acme.test')
    expect(dumps.database).toContain('$argon2id$')
    expect(dumps.log).toContain('"path":"/oauth/token"')
    if (store.database === 'embedded') expect(dumps['data directory']).toContain('ada@acme.test')
    if (redis) expect(dumps.redis).toContain('Session:')
    for (const [dump, text] of Object.entries(dumps)) {
      const found = Object.entries(secrets).filter(([, secret]) => text.includes(secret))
      expect([dump, found.map(([name]) => name)]).toEqual([dump, []])
    }
  } finally {
    await deployment.stop()
  }
})

/** Goes every way by which a secret is given out. @returns all of them by name */
async function issueOneOfEach(gatehouse: Deployment['gatehouse']): Promise<Record<string, string>> {
  const secrets: Record<string, string> = {
    password,
    'wrong password': 'not the right password',
    'secret of a resource server': resourceServer.clientSecret,
    'secret of the JWT resource server': jwtResourceServer.clientSecret,
    'secret of a service account': serviceAccount.clientSecret,
    'secret of a client': confidentialClient.clientSecret,
  }
  const keep = (name: string, value: unknown) => {
    expect([name, typeof value === 'string' && value.length > 7]).toEqual([name, true])
    secrets[name] = String(value)
  }
  const uidOf = (url: string) => /\/interaction\/([\w-]+)/.exec(url)![1]!

  // an authorization request that ends, with a wrong password on the way, and its code, spent and repeated
  const flow = await beginSignIn(gatehouse.url)
  const { browser } = flow
  keep('interaction uid', uidOf(browser.page.url))
  keep('csrf token', browser.hidden('_csrf'))
  await enterPassword(browser, 'ada@acme.test', secrets['wrong password'])
  await browser.submit({ password })
  keep('interaction uid of the next step', uidOf(browser.page.url))
  await pickOrganization(browser, 'acme')
  for (const name of browser.cookieNames()) keep(`cookie ${name}`, browser.cookie(name))
  keep('code', new URL(browser.page.url).searchParams.get('code'))
  keep('code verifier', flow.codeVerifier)
  const redeem = { grant_type: 'authorization_code', redirect_uri: redirectUri }
  const { json: first } = await requestToken(gatehouse, {
    ...redeem,
    code: secrets.code!,
    code_verifier: flow.codeVerifier,
  })
  keep('access token', first.access_token)
  keep('refresh token', first.refresh_token)
  keep('id token', first.id_token)
  const again = { grant_type: 'refresh_token', refresh_token: secrets['refresh token']! }
  const { json: refreshed } = await requestToken(gatehouse, again)
  keep('second access token', refreshed.access_token)
  keep('second refresh token', refreshed.refresh_token)
  await gatehouse.introspect(secrets['second access token']!, { path: '/items', user_agent: 'test' })
  await fetch(`${gatehouse.url}/oauth/userinfo`, { headers: { authorization: `Bearer ${refreshed.access_token}` } })
  await fetch(`${gatehouse.url}/v1/auth/verify?ApiKey=${refreshed.access_token}`)

  // an authorization request that is left where it is, and a code that nobody redeems
  await beginSignIn(gatehouse.url, { browser, parameters: { organization: 'acme' } })
  keep('code that nobody redeems', new URL(browser.page.url).searchParams.get('code'))
  const left = (await beginSignIn(gatehouse.url)).browser
  keep('interaction uid that is left', uidOf(left.page.url))
  keep('cookie of it', left.cookie(left.cookieNames().find((name) => name.includes('interaction'))!))

  // a JWT, a pushed request, a device
  const jwt = { grant_type: 'client_credentials', resource: 'https://reports.example' }
  keep('JWT', (await requestToken(gatehouse, jwt, { as: serviceAccount })).json.access_token)
  expect(decodeJwt(secrets.JWT!).jti).toBeTruthy()
  const pushed = await postForm(gatehouse, '/oauth/par', {
    client_id: 'console',
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid',
    code_challenge: 'x'.repeat(43),
    code_challenge_method: 'S256',
  })
  keep('request_uri', String(pushed.json.request_uri).replace('urn:ietf:params:oauth:request_uri:', ''))
  const aside = new Browser((url) => url.port === '8080')
  await aside.get(`${gatehouse.url}/oauth/authorize?client_id=console&request_uri=${pushed.json.request_uri}`)
  keep('interaction uid of the pushed request', uidOf(aside.page.url))

  // API keys, used in every place, one of them found by somebody
  for (const format of ['opaque', 'jwt']) {
    const made = await fetch(`${gatehouse.url}/v1/api-keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${refreshed.access_token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: `key ${format}`, expires_in_days: 7, format }),
    })
    const { key } = (await made.json()) as { key: string }
    keep(`API key, ${format}`, key)
    await gatehouse.introspect(key, { path: `/items?ApiKey=${key}` })
    await fetch(`${gatehouse.url}/v1/me?ApiKey=${key}`)
    await fetch(`${gatehouse.url}/v1/me/${key}`, { headers: { 'x-api-key': `${key}x` } })
    await fetch(`${gatehouse.url}/v1/auth/verify`, { headers: { 'x-original-uri': `/items?ApiKey=${key}` } })
    await fetch(`${gatehouse.url}/v1/api-keys/revoke-leaked`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ key }),
    })
  }

  const { json: device } = await postForm(gatehouse, '/oauth/device_authorization', {
    client_id: 'tv',
    scope: 'openid',
  })
  keep('device code', device.device_code)
  keep('user code', device.user_code)
  keep('user code as it is compared', String(device.user_code).replace('-', ''))
  const tv = new Browser()
  await tv.get(`${gatehouse.url}/device`)
  await tv.submit({ user_code: String(device.user_code) })
  await tv.submit({ confirm: 'yes' })
  keep('interaction uid of the device', uidOf(tv.page.url))
  await enterPassword(tv, 'grace@globex.test')
  keep('session cookie of the device page', tv.cookie('gatehouse-session'))
  const poll = { grant_type: deviceGrant, device_code: String(device.device_code), client_id: 'tv' }
  const { json: connected } = await postForm(gatehouse, '/oauth/token', poll)
  keep('access token of the device', connected.access_token)
  keep('refresh token of the device', connected.refresh_token)
  return secrets
}

/** Every row of every table, bytes both as hex and as what they would say. */
async function dumpTables({ gatehouse }: Deployment): Promise<string> {
  const { db } = gatehouse.database
  const { rows: tables } = await sql<{ name: string }>`
    select tablename as name from pg_tables where schemaname = 'public'`.execute(db)
  const dump: string[] = []
  for (const { name } of tables) {
    const { rows } = await sql<{ row: string }>`select t::text as row from ${sql.table(name)} t`.execute(db)
    for (const { row } of rows) {
      const readable = row.replace(/\\x([0-9a-f]+)/g, (_, hex) => Buffer.from(hex, 'hex').toString('latin1'))
      dump.push(row, readable, row.replaceAll('""', '"'))
    }
  }
  return dump.join('\n')
}

/** The bytes of every file: an embedded database's tables and its write-ahead log, keys, mails. */
function readFolder(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n')
}

async function dumpRedis(keyPrefix: string): Promise<string> {
  const redis = new Redis(inject('stores').redisUrl!)
  const dump: string[] = []
  for await (const keys of redis.scanStream({ match: `${keyPrefix}*`, count: 1_000 })) {
    for (const key of keys as string[]) {
      const value = (await redis.type(key)) === 'string' ? await redis.get(key) : await redis.dump(key)
      dump.push(key, value ?? '')
    }
  }
  redis.disconnect()
  return dump.join('\n')
}
