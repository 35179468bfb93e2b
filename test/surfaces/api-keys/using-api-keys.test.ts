import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify, SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { loadSigningKeys, rotateSigningKeys } from '#credentials/signing-keys/signing-keys.ts'
import { operator } from '#directory/users/actor.ts'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import { call, databases, deployOn } from '#support/api-requests.ts'
import { clientToken, logEntries, send, verify } from '#support/credential-requests.ts'
import { confidentialClient, jwtResourceServer, setup } from '#support/gatehouse.ts'
import { act, createKey, deleteAllKeys, isLive, type SignedIn, signInTo, waysToPresent } from '#support/keys.ts'
import { addSecondAdmin } from '#support/second-admin.ts'
import type { Deployment } from '#support/wire.ts'

describe.each(databases)('using API keys on %s', (database) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']
  let ada: SignedIn
  beforeAll(async () => {
    deployment = await deployOn(database)
    gatehouse = deployment.gatehouse
    await addSecondAdmin(gatehouse)
    ada = await signInTo(gatehouse, 'acme')
  })
  beforeEach(() => deleteAllKeys(gatehouse))
  afterAll(() => deployment.stop())

  const acmeRights = {
    permissions: ['configuration-items:read', 'configuration-items:write'],
    data_scopes: [
      { source: 'kubernetes', scope_id: 'prod-cluster' },
      { source: 'proxmox', scope_id: null },
    ],
  }

  describe.each(['opaque', 'jwt'] as const)('an %s key', (format) => {
    test('introspected says whose it is, where, and what its owner may do and see', async () => {
      // S0-11 S1-15 S2-15
      const { id, key, json } = await createKey(gatehouse, ada, { format })
      const answer = await gatehouse.introspect(key)
      expect(answer.json).toEqual({
        active: true,
        iss: gatehouse.url,
        sub: (json.user as { id: string }).id,
        username: 'ada@acme.test',
        token_type: 'Bearer',
        token_kind: 'api_key',
        scope: '',
        iat: Math.floor(Date.parse(String(json.created_at)) / 1000),
        exp: Math.floor(Date.parse(String(json.expires_at)) / 1000),
        jti: id,
        org_id: (json.organization as { id: string }).id,
        org_slug: 'acme',
        superadmin: false,
        ...acmeRights,
      })
      // Every resource server may ask about it.
      expect((await gatehouse.introspect(key, {}, jwtResourceServer)).json.active).toBe(true)
      // A client that is none may ask about its own tokens only.
      expect((await gatehouse.introspect(key, {}, confidentialClient)).text).toBe('{"active":false}')
    })

    test.each(waysToPresent)(
      'presented by %s opens our own API and the verify endpoint',
      async (via, headers, query) => {
        // S0-15 S1-13 S1-14 S2-36 S2-37 S2-38
        const { id, key } = await createKey(gatehouse, ada, { format, name: `by ${via}` })
        const me = await call(gatehouse, `/v1/me${query(key)}`, {
          headers: { ...headers(key), 'user-agent': via + format },
        })
        expect(me.json).toMatchObject({ user: { email: 'ada@acme.test' }, organization: { slug: 'acme' } })
        expect(me.headers['cache-control']).toBe('no-store')
        expect(me.headers['referrer-policy']).toBe('no-referrer')
        const verified = await verify(gatehouse.url, { ...headers(key), 'user-agent': via + format }, query(key))
        expect(verified.status).toBe(200)
        expect(verified.headers).toMatchObject({
          'x-auth-permissions': acmeRights.permissions.join(','),
          'x-auth-data-scopes': JSON.stringify(acmeRights.data_scopes),
          'cache-control': 'no-store',
          'referrer-policy': 'no-referrer',
        })
        // S1-18 S1-19
        const used = {
          outcome: 'accepted',
          credentialId: id,
          credentialName: `by ${via}`,
          credentialKind: 'api_key',
          via,
        }
        expect(await logEntries(gatehouse, via + format)).toMatchObject([{ ...used, path: '/v1/me' }, used])
        await act(gatehouse, ada, 'POST', id, '/revoke')
        const refused = await call(gatehouse, `/v1/me${query(key)}`, { headers: headers(key) })
        expect([refused.status, refused.json.code]).toEqual([401, 'authentication_required'])
        expect((await verify(gatehouse.url, headers(key), query(key))).status).toBe(401)
        expect(gatehouse.logLines.join('')).not.toContain(key)
      },
    )

    test('beside a different one is refused, beside itself is one', async () => {
      // S2-38
      const [one, other] = [await createKey(gatehouse, ada, { format }), await createKey(gatehouse, ada, { format })]
      const both = (second: string) =>
        call(gatehouse, '/v1/me', { headers: { authorization: `Bearer ${one.key}`, 'x-api-key': second } })
      expect((await both(other.key)).status).toBe(400)
      expect((await both(one.key)).status).toBe(200)
      expect((await call(gatehouse, `/v1/me?ApiKey=${other.key}`, { headers: { apikey: one.key } })).status).toBe(400)
    })

    test('carries no more than it was restricted to, and no more than its owner has at that moment', async () => {
      // S0-11 S1-04
      const narrowed = await createKey(gatehouse, ada, {
        format,
        permissions: ['configuration-items:*', 'reports:read'],
        data_scopes: [{ source: 'kubernetes', scope_id: null }],
      })
      expect(narrowed.json).toMatchObject({ permissions: ['configuration-items:*', 'reports:read'] })
      expect((await gatehouse.introspect(narrowed.key)).json).toMatchObject({
        permissions: acmeRights.permissions,
        data_scopes: [{ source: 'kubernetes', scope_id: 'prod-cluster' }],
      })
      const nothing = await createKey(gatehouse, ada, { format, permissions: [], data_scopes: [] })
      expect((await gatehouse.introspect(nothing.key)).json).toMatchObject({ permissions: [], data_scopes: [] })
      const all = await createKey(gatehouse, ada, { format })
      await gatehouse.apply(setup.replace('teams: [readers, writers]', 'teams: [readers]'))
      try {
        const { permissions } = (await gatehouse.introspect(all.key)).json
        expect(permissions).toEqual(['configuration-items:read'])
        expect((await gatehouse.introspect(narrowed.key)).json.permissions).toEqual(['configuration-items:read'])
      } finally {
        await gatehouse.apply(setup)
      }
      expect((await gatehouse.introspect(all.key)).json).toMatchObject(acmeRights)
    })

    test('stops while its owner is deactivated, and is dead once they are removed from the organization', async () => {
      // S0-38
      const { key, id } = await createKey(gatehouse, ada, { format })
      const member = 'email: ada@acme.test\n        admin: true'
      for (const [text, changed] of [
        ['{ email: ada@acme.test, name: Ada, ', '{ email: ada@acme.test, name: Ada, active: false, '],
        [member, `${member}\n        active: false`],
        ['name: Acme Corporation', 'name: Acme Corporation\n    active: false'],
      ] as const) {
        await gatehouse.apply(setup.replace(text, changed))
        expect([changed, await isLive(gatehouse, key)]).toEqual([changed, false])
        await gatehouse.apply(setup.replace(text, changed.replace('active: false', 'active: true')))
        expect(await isLive(gatehouse, key)).toBe(true)
      }
      await gatehouse.apply(setup.replace(/email: ada@acme.test\n {8}admin: true/, 'email: nobody@example.test'))
      expect(await isLive(gatehouse, key)).toBe(false)
      await gatehouse.apply(setup)
      // "Re-creating … revives nothing": what ended with the membership stays ended.
      expect(await isLive(gatehouse, key)).toBe(false)
      ada = await signInTo(gatehouse, 'acme')
      expect((await act(gatehouse, ada, 'GET', id)).json.status).toBe('revoked')
    })

    test('is no client secret, opens no page and no token', async () => {
      const { key } = await createKey(gatehouse, ada, { format })
      const headers = { authorization: `Bearer ${key}`, accept: 'text/html' }
      for (const path of ['/account/profile', '/account/api-keys', '/admin/api-keys']) {
        expect([path, (await send(gatehouse.url, { path, headers })).status]).toEqual([path, 303])
      }
      const asSecret = await send(gatehouse.url, {
        path: '/oauth/introspect',
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
        body: 'token=x',
      })
      expect(asSecret.status).toBe(401)
      const userinfo = await send(gatehouse.url, {
        path: '/oauth/userinfo',
        headers: { authorization: `Bearer ${key}` },
      })
      expect(userinfo.status).toBe(401)
      for (const path of ['/v1/auth/refresh']) {
        const { status } = await call(gatehouse, path, { json: { token: key } })
        expect([path, status]).toEqual([path, 401])
      }
    })

    test('changes no keys; it may look', async () => {
      const { key } = await createKey(gatehouse, ada, { format })
      const other = await createKey(gatehouse, ada)
      const byKey: SignedIn = { headers: { 'x-api-key': key }, token: key }
      const made = await call(gatehouse, '/v1/api-keys', {
        headers: byKey.headers,
        json: { name: 'x', expires_in_days: 1 },
      })
      expect([made.status, made.json.code]).toEqual([403, 'permission_denied'])
      expect((await act(gatehouse, byKey, 'PATCH', other.id, '', { json: { expires_in_days: 300 } })).status).toBe(403)
      expect((await act(gatehouse, byKey, 'GET', other.id)).status).toBe(200)
      expect((await act(gatehouse, byKey, 'POST', other.id, '/revoke')).status).toBe(403)
      expect((await act(gatehouse, byKey, 'POST', other.id, '/reactivate')).status).toBe(403)
      expect((await act(gatehouse, byKey, 'DELETE', other.id)).status).toBe(403)
      expect((await act(gatehouse, ada, 'GET', other.id)).json.status).toBe('active')
    })
  })

  test("a superadmin's key passes every check, and a narrowed one only its own", async () => {
    // S0-31
    const root = await signInTo(gatehouse, 'acme', 'root@example.test')
    const { key } = await createKey(gatehouse, root)
    const everything = { permissions: ['*'], data_scopes: [{ source: null, scope_id: null }] }
    expect((await gatehouse.introspect(key)).json).toMatchObject({ superadmin: true, ...everything })
    const narrowed = await createKey(gatehouse, root, { permissions: ['reports:read'] })
    const { json } = await gatehouse.introspect(narrowed.key)
    expect(json).toMatchObject({ superadmin: false, permissions: ['reports:read'] })
  })

  test('truncated, extended or in another case a key is none, and a wrong checksum costs no query', async () => {
    const { key } = await createKey(gatehouse, ada)
    const swapped = [...key.slice(9)].map((c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase())).join('')
    const typo = (at: number) => key.slice(0, at) + (key[at] === 'x' ? 'y' : 'x') + key.slice(at + 1)
    const mistyped = [
      key.slice(0, -1),
      `${key}0`,
      `gate_usr_${swapped}`,
      typo(12),
      typo(40),
      typo(46),
      'gate_usr_',
      `${key}-`,
    ]
    await gatehouse.introspect(key) // the caller is known from now on
    // A statement of any kind would wait for this lock and answer nothing before it is let go.
    await gatehouse.database.db.transaction().execute(async (tx) => {
      if (database === 'postgres') {
        for (const table of ['credentials', 'authentication_log', 'clients']) {
          await tx.executeQuery({ sql: `lock table ${table} in access exclusive mode`, parameters: [] } as never)
        }
      }
      for (const wrong of mistyped) {
        expect([wrong, (await gatehouse.introspect(wrong, { ip: '192.0.2.7' })).text]).toEqual([
          wrong,
          '{"active":false}',
        ])
        expect([wrong, (await verify(gatehouse.url, { 'x-api-key': wrong })).status]).toEqual([wrong, 401])
        expect([wrong, (await call(gatehouse, '/v1/me', { headers: { apikey: wrong } })).status]).toEqual([wrong, 401])
      }
    })
    const told = gatehouse.logLines.filter((line) => line.includes('mistyped API key refused'))
    expect(told.length).toBeGreaterThanOrEqual(mistyped.length * 3)
    expect(told.join('')).not.toContain(key.slice(0, -1))
    expect((await gatehouse.introspect(`GATE${key.slice(4)}`)).text).toBe('{"active":false}')
    expect(await isLive(gatehouse, key)).toBe(true)
  })

  test('an organization can forbid keys in the query', async () => {
    // S2-36
    const { id, key } = await createKey(gatehouse, ada)
    const inGlobex = await createKey(gatehouse, await signInTo(gatehouse, 'globex'))
    const inQuery = async (key: string) => (await call(gatehouse, `/v1/me?ApiKey=${key}`)).status
    await gatehouse.database.db
      .updateTable('organizations')
      .set({ allowsKeysInQuery: false })
      .where('slug', '=', 'acme')
      .execute()
    expect([await inQuery(key), await inQuery(inGlobex.key)]).toEqual([401, 200])
    expect((await verify(gatehouse.url, {}, `?ApiKey=${key}`)).status).toBe(401)
    expect((await verify(gatehouse.url, { 'x-original-uri': `/items?ApiKey=${key}` })).status).toBe(401)
    expect((await call(gatehouse, '/v1/me', { headers: { 'x-api-key': key } })).status).toBe(200)
    const refusals = (await logEntries(gatehouse)).filter((entry) => entry.credentialId === id && entry.reason !== null)
    expect(refusals.map(({ via, reason }) => [via, reason])).toEqual(Array(3).fill(['query', 'query_forbidden']))
    await gatehouse.database.db.updateTable('organizations').set({ allowsKeysInQuery: true }).execute()
    expect(await inQuery(key)).toBe(200)
  })

  describe('as a JWT', () => {
    const jwks = () => createRemoteJWKSet(new URL(`${gatehouse.url}/oauth/jwks`))

    test('stock middleware verifies a key offline, as an access token (RFC 9068)', async () => {
      // S1-13
      const { id, key, json } = await createKey(gatehouse, ada, { format: 'jwt' })
      for (const audience of [gatehouse.url, 'https://inventory.example', 'https://reports.example']) {
        const { payload, protectedHeader } = await jwtVerify(key, jwks(), {
          issuer: gatehouse.url,
          audience,
          typ: 'at+jwt',
        })
        expect(protectedHeader).toEqual({ alg: 'ES256', kid: expect.any(String), typ: 'at+jwt' })
        expect(payload).toEqual({
          iss: gatehouse.url,
          sub: (json.user as { id: string }).id,
          aud: [gatehouse.url, 'https://inventory.example', 'https://reports.example'],
          client_id: 'gatehouse',
          iat: Math.floor(Date.parse(String(json.created_at)) / 1000),
          exp: Math.floor(Date.parse(String(json.expires_at)) / 1000),
          jti: id,
          org_id: (json.organization as { id: string }).id,
        })
      }
      expect(json.hint).toBe(`jwt …${key.slice(-4)}`)
      await act(gatehouse, ada, 'POST', id, '/revoke')
      // The promise of "at once" is introspection's: who verifies offline is told of no revocation.
      await jwtVerify(key, jwks(), { issuer: gatehouse.url })
      expect(await isLive(gatehouse, key)).toBe(false)
    })

    test('edited, re-signed or unsigned it is inactive', async () => {
      const { key, id } = await createKey(gatehouse, ada, { format: 'jwt' })
      const [header = '', payload = '', signature = ''] = key.split('.')
      const json = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')
      const claims = decodeJwt(key)
      const protectedHeader = decodeProtectedHeader(key)
      const stranger = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
      const publicJwk = await crypto.subtle.exportKey('jwk', stranger.publicKey)
      const sign = (more: object) =>
        new SignJWT(claims).setProtectedHeader({ ...protectedHeader, alg: 'ES256', ...more }).sign(stranger.privateKey)
      const forged = {
        'more rights': `${header}.${json({ ...claims, exp: 4_102_444_800 })}.${signature}`,
        'another jti': `${header}.${json({ ...claims, jti: 'key_00000000000000000000' })}.${signature}`,
        'no signature': `${header}.${payload}.`,
        'alg none': `${json({ ...protectedHeader, alg: 'none' })}.${payload}.`,
        'alg none with signature': `${json({ ...protectedHeader, alg: 'none' })}.${payload}.${signature}`,
        'a key of one’s own under our kid': await sign({}),
        'a kid of one’s own': await sign({ kid: 'mine' }),
        'a key in the header': await sign({ jwk: publicJwk, kid: undefined }),
        'the id alone': id,
        'half of it': key.slice(0, -10),
      }
      for (const [name, token] of Object.entries(forged)) {
        expect([name, (await gatehouse.introspect(token)).text]).toEqual([name, '{"active":false}'])
        expect([name, (await call(gatehouse, '/v1/me', { headers: { 'x-api-key': token } })).status]).toEqual([
          name,
          401,
        ])
      }
      expect(await isLive(gatehouse, key)).toBe(true)
    })

    test('the key that signed it stays published for as long as it lives, and goes then', async () => {
      const { key, id } = await createKey(gatehouse, ada, { format: 'jwt' })
      const { db } = gatehouse.database
      const encryption = encryptionWith(gatehouse.config.encryptionKeys)
      const { kid } = decodeProtectedHeader(key)
      const published = async () => (await loadSigningKeys(db, encryption)).some((jwk) => jwk.kid === kid)
      for (let hours = 2; hours <= 12; hours += 4) {
        const outcome = await rotateSigningKeys(db, encryption, {
          actor: operator,
          at: new Date(Date.now() + hours * 3_600_000),
        })
        expect(outcome.outcome).toBe('rotated')
        expect(await published()).toBe(true)
      }
      expect(await isLive(gatehouse, key)).toBe(true)
      await act(gatehouse, ada, 'DELETE', id)
      await rotateSigningKeys(db, encryption, { actor: operator, at: new Date(Date.now() + 16 * 3_600_000) })
      expect(await published()).toBe(false)
    })
  })

  test('a service account and a client that is not first-party manage no keys', async () => {
    const service = { authorization: `Bearer ${await clientToken(gatehouse.url)}` }
    for (const [path, json] of [
      ['/v1/api-keys', undefined],
      ['/v1/api-keys', { name: 'x', expires_in_days: 1 }],
    ] as const) {
      const { status, json: answer } = await call(gatehouse, path, { headers: service, ...(json && { json }) })
      expect([status, answer.code]).toEqual([403, 'permission_denied'])
    }
  })
})
