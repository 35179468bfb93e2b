import { randomUUID } from 'node:crypto'
import { createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { basic, confidentialClient, jwtResourceServer, serviceAccount } from '#support/gatehouse.ts'
import {
  allAtOnce,
  availableStores,
  type Deployment,
  deploy,
  isActive,
  postForm,
  requestToken,
  type Secret,
  type Stores,
} from '#support/wire.ts'

const stores = availableStores().filter(({ redis }) => !redis)
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })

describe.each(stores)('client credentials on $name', (store: Stores) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']

  beforeAll(async () => {
    deployment = await deploy(store)
    gatehouse = deployment.gatehouse
    const jwk = JSON.stringify({ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' })
    await gatehouse.apply(`clients:
  - client_id: signed-export
    token_endpoint_auth_method: private_key_jwt
    jwks: { keys: [${jwk}] }
    grant_types: [client_credentials]
    organization: acme
  - client_id: posting-export
    client_secret: posting-export-secret-0123456789
    token_endpoint_auth_method: client_secret_post
    grant_types: [client_credentials]
    organization: acme`)
  })
  afterAll(() => deployment.stop())

  const ask = (as: Secret, more: Record<string, string> = {}) =>
    requestToken(gatehouse, { grant_type: 'client_credentials', ...more }, { as })

  test('a service account acts as itself, in its organization, with what it was granted', async () => {
    const answer = await ask(serviceAccount)
    expect(answer).toMatchObject({ status: 200, json: { token_type: 'Bearer', expires_in: 900 } }) // S2-40
    expect(answer.json).not.toHaveProperty('refresh_token')
    const { json } = await gatehouse.introspect(String(answer.json.access_token))
    expect(json).toMatchObject({
      active: true,
      sub: serviceAccount.clientId,
      client_id: serviceAccount.clientId,
      org_slug: 'acme',
      superadmin: false,
      permissions: ['configuration-items:read'],
      data_scopes: [{ source: 'ceph', scope_id: null }],
    })
    expect(json).not.toHaveProperty('aud')
    expect(json).not.toHaveProperty('username')
  })

  test('for a resource server that asks for JWTs it is one that verifies offline and holds no permissions', async () => {
    const { json } = await ask(serviceAccount, { resource: 'https://reports.example' })
    const token = String(json.access_token)
    const jwks = createRemoteJWKSet(new URL(`${gatehouse.url}/oauth/jwks`))
    const { payload, protectedHeader } = await jwtVerify(token, jwks, {
      issuer: gatehouse.url,
      audience: 'https://reports.example',
      typ: 'at+jwt',
      requiredClaims: ['exp', 'iat', 'jti', 'client_id'],
    })
    expect(protectedHeader).toMatchObject({ alg: 'ES256', kid: expect.any(String) })
    expect(payload).toMatchObject({ sub: serviceAccount.clientId, org_slug: 'acme', org_id: expect.any(String) })
    expect(payload.exp! - payload.iat!).toBe(900)
    for (const claim of ['permissions', 'data_scopes', 'superadmin']) expect(payload).not.toHaveProperty(claim) // S1-13
    const { json: answer } = await gatehouse.introspect(token, {}, jwtResourceServer)
    expect(answer).toMatchObject({ active: true, aud: 'https://reports.example', sub: serviceAccount.clientId })
    // a resource server that the token is not for
    expect(await isActive(gatehouse, token)).toBe(false)
  })

  test('a resource that nobody registered is refused', async () => {
    expect(await ask(serviceAccount, { resource: 'https://nowhere.example' })).toMatchObject({
      status: 400,
      json: { error: 'invalid_target' },
    })
  })

  test('while its organization is suspended a service account gets nothing, and what it has is dead', async () => {
    const { json } = await ask(serviceAccount)
    await gatehouse.apply('organizations: [{ slug: acme, active: false }]')
    expect(await ask(serviceAccount)).toMatchObject({ status: 401, json: { error: 'invalid_client' } })
    expect(await isActive(gatehouse, String(json.access_token))).toBe(false)
    await gatehouse.apply('organizations: [{ slug: acme, active: true }]')
    expect((await ask(serviceAccount)).status).toBe(200)
  })

  test('an unknown client, a wrong secret and a wrong method are answered alike', async () => {
    const { clientId, clientSecret } = serviceAccount
    const fields = { grant_type: 'client_credentials' }
    const wrong: Secret[] = [
      { clientId: 'nobody', clientSecret },
      { clientId, clientSecret: 'wrong' },
      { clientId: 'signed-export', clientSecret },
      { clientId: 'console', clientSecret },
    ]
    const answers = await Promise.all(wrong.map((as) => ask(as)))
    const headers = (answer: (typeof answers)[0]) => {
      const { date: _, 'x-request-id': __, ...rest } = answer.headers
      return rest
    }
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 401, json: { error: 'invalid_client' } })
      expect(answer.text).toBe(answers[0]!.text)
      expect(headers(answer)).toEqual(headers(answers[0]!))
      expect(answer.headers['www-authenticate']).toMatch(/^Basic /)
    }
    const posted = await Promise.all(
      wrong.map((as) => postForm(gatehouse, '/oauth/token', { ...fields, client_id: as.clientId, client_secret: 'x' })),
    )
    for (const answer of posted) {
      expect(answer).toMatchObject({ status: 401, json: { error: 'invalid_client' } })
      expect(answer.text).toBe(answers[0]!.text)
    }
  })

  test('a secret may come by Basic or in the body, and never both ways at once', async () => {
    const posted = { client_id: 'posting-export', client_secret: 'posting-export-secret-0123456789' }
    const fields = { grant_type: 'client_credentials', ...posted }
    expect((await postForm(gatehouse, '/oauth/token', fields)).status).toBe(200)
    const header = { authorization: basic({ clientId: posted.client_id, clientSecret: posted.client_secret }) }
    expect(await postForm(gatehouse, '/oauth/token', fields, { headers: header })).toMatchObject({
      status: 400,
      json: { error: 'invalid_request' },
    })
  })

  test('a client acts only in the ways that it is registered for', async () => {
    const notItsOwn = await ask(confidentialClient)
    expect(notItsOwn.status).toBe(400)
    expect(notItsOwn.json.error).toMatch(/^(unauthorized_client|invalid_request)$/)
    for (const grant_type of ['password', 'implicit', 'urn:ietf:params:oauth:grant-type:jwt-bearer']) {
      expect(await requestToken(gatehouse, { grant_type }, { as: serviceAccount })).toMatchObject({
        status: 400,
        json: { error: 'unsupported_grant_type' },
      })
    }
  })

  function assertion(claims: Record<string, unknown> = {}, key = privateKey) {
    return new SignJWT({ jti: randomUUID(), ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setIssuer('signed-export')
      .setSubject('signed-export')
      .setAudience(gatehouse.url)
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(key)
  }

  const askSigned = (client_assertion: string, port?: number) =>
    postForm(
      gatehouse,
      '/oauth/token',
      { grant_type: 'client_credentials', client_assertion_type: assertionType, client_assertion },
      { ...(port && { port }) },
    )

  test('of twenty simultaneous uses of one client assertion over all nodes exactly one succeeds', async () => {
    const once = await assertion()
    const answers = await allAtOnce(20, deployment.ports, (port) => askSigned(once, port))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    for (const lost of answers.filter(({ status }) => status !== 200)) {
      expect(lost).toMatchObject({ status: 401, json: { error: 'invalid_client' } })
    }
    expect((await askSigned(await assertion())).status).toBe(200)
  })

  test('an assertion that somebody else signed is refused', async () => {
    const { privateKey: stranger } = await generateKeyPair('ES256')
    expect(await askSigned(await assertion({}, stranger))).toMatchObject({ status: 401 })
  })
})
