import { decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { basic, confidentialClient, jwtResourceServer, resourceServer, serviceAccount } from '#support/gatehouse.ts'
import { signIn } from '#support/relying-party.ts'
import {
  availableStores,
  type Deployment,
  deploy,
  isActive,
  postForm,
  requestToken,
  type Stores,
} from '#support/wire.ts'

const stores = availableStores().filter(({ redis }) => !redis)
const reports = 'https://reports.example'

describe.each(stores)('revocation on $name', (store: Stores) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']
  let browser: Awaited<ReturnType<typeof signIn>>['browser']

  beforeAll(async () => {
    deployment = await deploy(store)
    gatehouse = deployment.gatehouse
    browser = (await signIn(gatehouse.url, { email: 'grace@globex.test' })).browser
  })
  afterAll(() => deployment.stop())

  async function newTokens(parameters: Record<string, string> = {}) {
    const { tokens } = await signIn(gatehouse.url, { browser, parameters })
    return { access: tokens.access_token, refresh: tokens.refresh_token! }
  }

  async function jwtOfServiceAccount(): Promise<string> {
    const fields = { grant_type: 'client_credentials', resource: reports }
    return String((await requestToken(gatehouse, fields, { as: serviceAccount })).json.access_token)
  }

  const isLiveJwt = async (token: string) =>
    (await gatehouse.introspect(token, {}, jwtResourceServer)).json.active === true

  /** By the public client `console`. */
  const revoke = (token: string, more: Record<string, string> = {}) =>
    postForm(gatehouse, '/oauth/revoke', { token, client_id: 'console', ...more })
  const revokeAs = (as: typeof serviceAccount, token: string) =>
    postForm(gatehouse, '/oauth/revoke', { token }, { headers: { authorization: basic(as) } })

  test.each(['access_token', 'refresh_token', 'nonsense'])(
    'an access token revoked by its client is dead at once, whatever the hint %s says',
    async (hint) => {
      const { access } = await newTokens()
      expect(await revoke(access, { token_type_hint: hint })).toMatchObject({ status: 200, text: '' })
      expect(await isActive(gatehouse, access)).toBe(false)
    },
  )

  test('a refresh token revoked by its client takes its access tokens along', async () => {
    const { access, refresh } = await newTokens()
    expect((await revoke(refresh)).status).toBe(200)
    expect(await isActive(gatehouse, access)).toBe(false)
    expect(await isActive(gatehouse, refresh)).toBe(false)
    expect(await requestToken(gatehouse, { grant_type: 'refresh_token', refresh_token: refresh })).toMatchObject({
      status: 400,
      json: { error: 'invalid_grant' },
    })
  })

  test("a JWT access token is revoked as any other, the service account's and a person's", async () => {
    const own = await jwtOfServiceAccount()
    expect(await isLiveJwt(own)).toBe(true)
    expect(await revokeAs(serviceAccount, own)).toMatchObject({ status: 200, text: '' })
    expect(await isLiveJwt(own)).toBe(false)

    const { access } = await newTokens({ resource: reports })
    expect(decodeProtectedHeader(access).typ).toBe('at+jwt')
    expect(await isLiveJwt(access)).toBe(true)
    expect((await revoke(access)).status).toBe(200)
    expect(await isLiveJwt(access)).toBe(false)
  })

  test('no client revokes what belongs to another', async () => {
    const { access, refresh } = await newTokens()
    const jwt = await jwtOfServiceAccount()
    for (const token of [access, refresh]) await revokeAs(confidentialClient, token)
    for (const stranger of [confidentialClient, jwtResourceServer, resourceServer]) await revokeAs(stranger, jwt)
    await revoke(jwt)
    expect(await isActive(gatehouse, access)).toBe(true)
    expect(await isActive(gatehouse, refresh)).toBe(true)
    expect(await isLiveJwt(jwt)).toBe(true)
  })

  test("the jti of somebody's JWT, which is no secret, revokes and reveals nothing", async () => {
    const jwt = await jwtOfServiceAccount()
    const { jti } = decodeJwt(jwt)
    expect((await revokeAs(serviceAccount, jti!)).status).toBe(200)
    expect(await isLiveJwt(jwt)).toBe(true)
    expect((await gatehouse.introspect(jti!, {}, jwtResourceServer)).text).toBe('{"active":false}')
  })

  test('a JWT that we did not sign revokes nothing, even with the jti of one that we did', async () => {
    const jwt = await jwtOfServiceAccount()
    const { privateKey, publicKey } = await generateKeyPair('ES256')
    const { kid } = decodeProtectedHeader(jwt)
    const jwk = await exportJWK(publicKey)
    const forge = (header: Record<string, unknown>) =>
      new SignJWT(decodeJwt(jwt)).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', ...header }).sign(privateKey)
    const [, payload] = jwt.split('.')
    const unsigned = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${payload}.`
    const forged = [await forge({ kid }), await forge({ kid: 'mine', jwk }), await forge({}), unsigned, `${jwt}x`]
    for (const token of forged) {
      const answer = await revokeAs(serviceAccount, token)
      expect(answer.status).toBeLessThan(500)
      expect(await isLiveJwt(token)).toBe(false)
    }
    expect(await isLiveJwt(jwt)).toBe(true)
  })

  test.each(['garbage', '\0', 'ä'.repeat(2000), 'a.b.c', '..', 'gate_usr_1'])(
    'what is no token of ours (%j) is answered like a revoked one',
    async (token) => {
      expect(await revoke(token)).toMatchObject({ status: 200, text: '' })
    },
  )

  test('whoever does not prove to be a client is refused, and nothing is revoked', async () => {
    const jwt = await jwtOfServiceAccount()
    const wrong = { clientId: serviceAccount.clientId, clientSecret: 'wrong' }
    expect(await revokeAs(wrong, jwt)).toMatchObject({ status: 401, json: { error: 'invalid_client' } })
    expect(await isLiveJwt(jwt)).toBe(true)
  })

  test('a request that cannot be read is refused in the words of OAuth', async () => {
    const twice: [string, string][] = [
      ['token', 'a'],
      ['token', 'b'],
      ['client_id', 'console'],
    ]
    for (const path of ['/oauth/revoke', '/oauth/token']) {
      const fields = path.endsWith('token') ? [...twice, ['grant_type', 'refresh_token'] as [string, string]] : twice
      expect(await postForm(gatehouse, path, fields)).toMatchObject({ status: 400, json: { error: 'invalid_request' } })
      expect(await postForm(gatehouse, path, { token: 'x'.repeat(70_000) })).toMatchObject({
        status: 400,
        json: { error: 'invalid_request' },
      })
    }
  })
})
