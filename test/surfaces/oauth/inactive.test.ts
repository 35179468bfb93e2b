import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeJwt, decodeProtectedHeader, exportJWK, importJWK, type JWK, SignJWT } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { loadSigningKeys } from '#credentials/signing-keys/signing-keys.ts'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import { clientToken, expire, inactive, logEntries, unknownUses } from '#support/credential-requests.ts'
import { availableDatabases } from '#support/databases.ts'
import {
  basic,
  confidentialClient,
  type Gatehouse,
  jwtResourceServer,
  resourceServer,
  serviceAccount,
  setup,
  startGatehouse,
} from '#support/gatehouse.ts'
import { type SignedIn, signIn } from '#support/relying-party.ts'
import { addSecondAdmin } from '#support/second-admin.ts'
import { isActiveForItsClient } from '#support/wire.ts'

const reports = 'https://reports.example'

describe.each(availableDatabases())('a token that is not good, on %s,', (database) => {
  let gatehouse: Gatehouse
  let token: string
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database })
    await addSecondAdmin(gatehouse)
    token = await clientToken(gatehouse.url)
  })
  afterAll(() => gatehouse.stop())

  /** The whole answer, not only its meaning: another header or status would tell a scanner something. */
  async function expectInactive(presented: string, reason: string, caller = resourceServer) {
    const userAgent = `agent-${Math.random()}`
    const before = await countOf(reason)
    const answer = await gatehouse.introspect(presented, { user_agent: userAgent }, caller)
    expect(answer.text).toBe(inactive)
    expect(answer.status).toBe(200)
    const {
      'cache-control': cache,
      'content-type': type,
      'content-length': length,
    } = Object.fromEntries(answer.headers)
    expect([cache, type, length]).toEqual(['no-store', 'application/json; charset=utf-8', '16'])
    const isOwned = reason !== 'unknown' && reason !== 'malformed'
    expect(await logEntries(gatehouse, userAgent)).toMatchObject(isOwned ? [{ outcome: 'refused', reason }] : [])
    expect((await countOf(reason)) - before).toBe(isOwned ? 0 : 1)
  }

  async function countOf(reason: string) {
    const sums = (await unknownUses(gatehouse, 'introspection')).filter((sum) => sum.reason === reason)
    return sums.reduce((total, { count }) => total + count, 0)
  }

  async function expectActive(presented: string, caller = resourceServer) {
    expect((await gatehouse.introspect(presented, {}, caller)).json.active).toBe(true)
  }

  test.each([
    ['a word', 'x', 'malformed'],
    ['a blank', ' ', 'malformed'],
    ['well-formed but unknown', 'x'.repeat(43), 'unknown'],
    ['as long as none is', 'x'.repeat(129), 'malformed'],
    ['very long', 'x'.repeat(60_000), 'malformed'],
    ['three parts that are no JWT', 'a.b.c', 'malformed'],
    ['a JWT too long to be ours', `${'a'.repeat(3000)}.${'b'.repeat(3000)}.c`, 'malformed'],
    ['many dots', '.'.repeat(5000), 'malformed'],
    ['with NUL and half a character', '\u0000\ud800', 'malformed'],
    ['with a quote', "' or 1=1 --", 'malformed'],
    ['JSON', '{"active":true}', 'malformed'],
  ])('%s is inactive', (_name, presented, reason) => expectInactive(presented, reason))

  test('cut, longer, in another case or with blanks around is inactive', async () => {
    await expectActive(token)
    const swapped = [...token].map((c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase())).join('')
    for (const changed of [token.slice(0, -1), token.slice(1), `${token}x`, swapped]) {
      await expectInactive(changed, 'unknown')
    }
    for (const changed of [`${token} `, ` ${token}`, `${token}\n`, `Bearer ${token}`]) {
      await expectInactive(changed, 'malformed')
    }
  })

  test('expired is inactive', async () => {
    const short = await clientToken(gatehouse.url)
    await expectActive(short)
    await expire(gatehouse, short)
    await expectInactive(short, 'expired')
  })

  test("a revoked access token, opaque or JWT, and everything of a revoked refresh token's grant", async () => {
    const { url } = gatehouse
    const opaque = await clientToken(url)
    const jwt = await clientToken(url, { resource: reports })
    for (const [presented, caller] of [
      [opaque, resourceServer],
      [jwt, jwtResourceServer],
    ] as const) {
      await expectActive(presented, caller)
      await revoke(url, presented, { authorization: basic(serviceAccount) })
      await expectInactive(presented, 'revoked', caller)
    }
    const { tokens } = await signIn(url, { pick: 'acme' })
    await expectActive(tokens.access_token)
    await revoke(url, tokens.refresh_token!, {}, { client_id: 'console' })
    await expectInactive(tokens.access_token, 'revoked')
    await expectInactive(tokens.refresh_token!, 'revoked')
  })

  test('a spent refresh token is inactive, and the new one is not', async () => {
    const { tokens } = await signIn(gatehouse.url, { pick: 'acme' })
    const response = await fetch(`${gatehouse.url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: tokens.refresh_token!,
        client_id: 'console',
      }),
    })
    const { refresh_token: next } = (await response.json()) as { refresh_token: string }
    await expectInactive(tokens.refresh_token!, 'revoked')
    expect(await isActiveForItsClient(gatehouse, next)).toBe(true)
  })

  test('a token that names another resource server is inactive', async () => {
    const forReports = await clientToken(gatehouse.url, { resource: reports })
    const forInventory = await clientToken(gatehouse.url, { resource: 'https://inventory.example' })
    await expectActive(forReports, jwtResourceServer)
    await expectInactive(forReports, 'wrong_audience', resourceServer)
    await expectActive(forInventory, resourceServer)
    await expectInactive(forInventory, 'wrong_audience', jwtResourceServer)
  })

  test('a client that is no resource server learns of its own tokens only, whatever their aud', async () => {
    const foreign = (await signIn(gatehouse.url, { pick: 'acme' })).tokens
    const own = (await signIn(gatehouse.url, { ...confidentialClient, pick: 'acme' })).tokens
    await expectActive(own.access_token, confidentialClient)
    await expectActive(own.refresh_token!, confidentialClient)
    await expectInactive(foreign.access_token, 'foreign_client', confidentialClient)
    await expectInactive(foreign.refresh_token!, 'wrong_kind', confidentialClient)
    await expectInactive(own.access_token, 'foreign_client', serviceAccount)
    await expectActive(await clientToken(gatehouse.url, { resource: reports }), serviceAccount)
  })

  describe('a JWT', () => {
    let jwt: string
    let header: ReturnType<typeof decodeProtectedHeader>
    let claims: ReturnType<typeof decodeJwt>
    let keys: JWK[]
    let foreignKey: KeyObject
    beforeAll(async () => {
      jwt = await clientToken(gatehouse.url, { resource: reports })
      header = decodeProtectedHeader(jwt)
      claims = decodeJwt(jwt)
      keys = await loadSigningKeys(gatehouse.database.db, encryptionWith(gatehouse.config.encryptionKeys))
      foreignKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    })

    const refused = (presented: string) => expectInactive(presented, 'malformed', jwtResourceServer)
    const ourKey = () => importJWK(keys.find((key) => key.kid === header.kid)!)
    const sign = async (changed: object, key?: KeyObject, changedClaims: object = {}) =>
      new SignJWT({ ...claims, ...changedClaims })
        .setProtectedHeader({ ...header, ...changed } as { alg: string })
        .sign(key ?? (await ourKey()))

    test('of ours, signed again with our key, is active: what the next tests change is what refuses them', async () => {
      await expectActive(jwt, jwtResourceServer)
      await expectActive(await sign({}), jwtResourceServer)
    })

    test('with another key, under our kid, another kid or none', async () => {
      await refused(await sign({}, foreignKey))
      await refused(await sign({ kid: 'other' }, foreignKey))
      await refused(await sign({ kid: undefined }, foreignKey))
    })

    test('with its key in jwk, or behind jku or x5u, is refused without a request to anybody', async () => {
      let requests = 0
      const server = createServer((_request, response) => {
        requests++
        response.end(JSON.stringify({ keys: [foreignPublic] }))
      }).listen(0, '127.0.0.1')
      await new Promise((resolve) => server.once('listening', resolve))
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`
      const foreignPublic = { ...(await exportJWK(foreignKey)), d: undefined, kid: 'planted', alg: 'ES256' }
      await refused(await sign({ jwk: foreignPublic, kid: 'planted' }, foreignKey))
      for (const planted of [{ jku: url }, { x5u: url }, { jku: url, x5u: url, x5c: ['MA=='] }]) {
        await refused(await sign({ ...planted, kid: 'planted' }, foreignKey))
        await refused(await sign(planted, foreignKey))
      }
      // Whatever had been asked for was asked before this.
      await fetch(url)
      expect(requests).toBe(1)
      server.close()
    })

    test('with alg none, in any spelling, with and without a signature', async () => {
      const [, payload, signature] = jwt.split('.')
      for (const alg of ['none', 'None', 'NONE', 'nOnE']) {
        const forged = Buffer.from(JSON.stringify({ ...header, alg })).toString('base64url')
        await refused(`${forged}.${payload}.${signature}`)
        await refused(`${forged}.${payload}.`)
      }
    })

    test('with HMAC under our public key, in every form of it', async () => {
      const response = await fetch(`${gatehouse.url}/oauth/jwks`)
      const { keys: published } = (await response.json()) as { keys: (JWK & { kid: string })[] }
      const published1 = published.find((key) => key.kid === header.kid)!
      const [, payload] = jwt.split('.')
      const pem = (await import('node:crypto'))
        .createPublicKey({ key: published1 as never, format: 'jwk' })
        .export({ type: 'spki', format: 'pem' })
      for (const secret of [pem, JSON.stringify(published1), Buffer.from(published1.x!, 'base64url')]) {
        const forged = Buffer.from(JSON.stringify({ ...header, alg: 'HS256' })).toString('base64url')
        const mac = createHmac('sha256', secret).update(`${forged}.${payload}`).digest('base64url')
        await refused(`${forged}.${payload}.${mac}`)
      }
    })

    test('with an unknown crit, the wrong typ or another issuer, although signed by us', async () => {
      const key = (await ourKey()) as never
      const critical = new SignJWT(claims).setProtectedHeader({ ...header, crit: ['x'], x: 1 } as never)
      await refused(await critical.sign(key, { crit: { x: true } }))
      for (const typ of ['JWT', 'at+JWT2', undefined]) await refused(await sign({ typ }))
      await refused(await sign({}, undefined, { iss: 'https://other.example' }))
    })

    test('with edited claims or a cut signature', async () => {
      const [head, , signature] = jwt.split('.')
      const edited = Buffer.from(JSON.stringify({ ...claims, scope: 'configuration-items:write' })).toString(
        'base64url',
      )
      await refused(`${head}.${edited}.${signature}`)
      await refused(jwt.slice(0, -2))
      await refused(`${jwt}AA`)
      await refused(`${jwt}.x`)
    })

    test('without a record: the signature alone never suffices', async () => {
      await expectInactive(await sign({}, undefined, { jti: 'never-issued' }), 'unknown', jwtResourceServer)
    })

    test('whose jti is presented by itself, is no credential', async () => {
      await expectInactive(claims.jti!, 'unknown', jwtResourceServer)
    })

    test('that is an id token is no access token', async () => {
      const { tokens } = await signIn(gatehouse.url, { pick: 'acme' })
      await refused(tokens.id_token!)
    })
  })

  describe('is dead at once', () => {
    let access: string
    let refresh: string
    let jwt: string
    let person: SignedIn
    beforeEach(async () => {
      await gatehouse.apply(setup)
      person = await signIn(gatehouse.url, { pick: 'acme' })
      access = person.tokens.access_token
      refresh = person.tokens.refresh_token!
      const forReports = await signIn(gatehouse.url, {
        browser: person.browser,
        pick: 'acme',
        parameters: { resource: reports },
      })
      jwt = forReports.tokens.access_token
      await expectActive(access)
      await expectActive(jwt, jwtResourceServer)
    })
    afterEach(() => gatehouse.apply(restored))

    async function expectAllInactive(reason: string) {
      await expectInactive(access, reason)
      await expectInactive(refresh, reason)
      await expectInactive(jwt, reason, jwtResourceServer)
    }

    test('when its user is deactivated, and not before the user is active again', async () => {
      await gatehouse.apply('users: [{ email: ada@acme.test, active: false }]')
      await expectAllInactive('user_deactivated')
    })

    test('when a superadmin is deactivated', async () => {
      const root = await signIn(gatehouse.url, {
        email: 'root@example.test',
        parameters: { organization: 'acme' },
      })
      await gatehouse.apply('users: [{ email: root@example.test, superadmin: true, active: false }]')
      await expectInactive(root.tokens.access_token, 'user_deactivated')
    })

    test('when the membership is deactivated, in that organization only', async () => {
      const other = await signIn(gatehouse.url, { browser: person.browser, pick: 'globex' })
      await gatehouse.apply(acmeWith('{ email: ada@acme.test, active: false }'))
      await expectAllInactive('membership_deactivated')
      await expectActive(other.tokens.access_token)
    })

    test('when the membership is removed, also when the person joins again', async () => {
      const other = await signIn(gatehouse.url, { browser: person.browser, pick: 'globex' })
      await gatehouse.apply(acmeWith('{ email: nobody@example.test }'))
      await expectAllInactive('revoked')
      await gatehouse.apply(acmeWith('{ email: ada@acme.test }'))
      await expectAllInactive('revoked')
      await expectActive(other.tokens.access_token)
    })

    test('when the organization is suspended, service accounts included', async () => {
      const account = await clientToken(gatehouse.url)
      await gatehouse.apply('organizations: [{ slug: acme, active: false }]')
      await expectAllInactive('organization_suspended')
      await expectInactive(account, 'organization_suspended')
    })

    test('when its client is deactivated', async () => {
      const account = await clientToken(gatehouse.url)
      await gatehouse.apply(setup.replace('client_id: console', 'client_id: console\n    active: false'))
      await expectAllInactive('client_deactivated')
      await gatehouse.apply(setup.replace('client_id: nightly-export', 'client_id: nightly-export\n    active: false'))
      await expectInactive(account, 'client_deactivated')
    })

    test('when a superadmin who is no member is one no longer', async () => {
      const root = await signIn(gatehouse.url, {
        email: 'root@example.test',
        parameters: { organization: 'acme' },
      })
      await gatehouse.apply('users: [{ email: root@example.test, superadmin: false }]')
      await expectInactive(root.tokens.access_token, 'membership_removed')
    })
  })
})

const restored = setup
  .replaceAll('password: "correct horse battery staple"', 'active: true')
  .replace('slug: acme', 'slug: acme\n    active: true')
  .replace('client_id: console', 'client_id: console\n    active: true')
  .replace('client_id: nightly-export', 'client_id: nightly-export\n    active: true')
  .replace('- email: ada@acme.test', '- email: ada@acme.test\n        active: true')

function acmeWith(members: string): string {
  return `organizations: [{ slug: acme, members: [${members}] }]`
}

async function revoke(
  url: string,
  token: string,
  headers: Record<string, string>,
  parameters: Record<string, string> = {},
): Promise<void> {
  const body = new URLSearchParams({ token, ...parameters })
  const response = await fetch(`${url}/oauth/revoke`, { method: 'POST', headers, body })
  expect(response.status).toBe(200)
}
