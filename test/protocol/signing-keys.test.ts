import { createRemoteJWKSet, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rotateSigningKeys } from '#credentials/signing-keys/signing-keys.ts'
import { operator } from '#directory/users/actor.ts'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import { availableDatabases } from '#support/databases.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { signIn } from '#support/relying-party.ts'

const hour = 3_600_000

describe.each(availableDatabases())('signing keys on %s', (database) => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database })
  })
  afterAll(() => gatehouse.stop())

  const rotate = (at: number) =>
    rotateSigningKeys(gatehouse.database.db, encryptionWith(gatehouse.config.encryptionKeys), {
      actor: operator,
      at: new Date(at),
    })
  const publishedKids = async () => {
    const answer = await fetch(`${gatehouse.url}/oauth/jwks`)
    const { keys } = (await answer.json()) as { keys: { kid: string; alg: string; d?: string }[] }
    expect(keys.every((key) => key.d === undefined)).toBe(true)
    return keys.map((key) => key.kid)
  }
  const idToken = async () => (await signIn(gatehouse.url, { email: 'grace@globex.test' })).tokens.id_token!

  test('a client that cached the JWKS an hour ago verifies what the new key signs, and the old one', async () => {
    const cached = await publishedKids()
    const before = await idToken()
    expect(await rotate(Date.now())).toMatchObject({ outcome: 'too_early' })
    expect(await rotate(Date.now() + hour + 1000)).toEqual({ outcome: 'rotated' })
    const after = await idToken()
    const kidOf = (jwt: string) => JSON.parse(Buffer.from(jwt.split('.')[0]!, 'base64url').toString()).kid as string
    expect(kidOf(after)).not.toBe(kidOf(before))
    expect(cached).toContain(kidOf(after))
    const keys = createRemoteJWKSet(new URL(`${gatehouse.url}/oauth/jwks`))
    for (const jwt of [before, after]) await jwtVerify(jwt, keys, { issuer: gatehouse.url })
  })

  test('a retired key is dropped when nothing that it signed can be valid', async () => {
    const old = await publishedKids()
    expect(await rotate(Date.now() + 4 * hour)).toEqual({ outcome: 'rotated' })
    expect(await rotate(Date.now() + 8 * hour)).toEqual({ outcome: 'rotated' })
    await signIn(gatehouse.url, { email: 'grace@globex.test' })
    expect((await publishedKids()).filter((kid) => old.includes(kid)).length).toBeLessThan(old.length)
  })

  test('each rotation is in the audit log, by the ids of the keys', async () => {
    const log = await gatehouse.database.db
      .selectFrom('auditLog')
      .selectAll()
      .where('action', '=', 'signing_key.rotated')
      .orderBy('id')
      .execute()
    expect(log).toHaveLength(3)
    expect(log[1]).toMatchObject({ actorKind: 'command_line', before: log[0]!.after })
    expect(Object.keys(log[0]!.after as object).sort()).toEqual(['ES256', 'EdDSA', 'RS256'])
  })

  test('private keys are stored encrypted', async () => {
    const rows = await gatehouse.database.db.selectFrom('signingKeys').selectAll().execute()
    for (const row of rows) expect(row.privateJwk.toString('latin1')).not.toContain('"kty"')
  })
})
