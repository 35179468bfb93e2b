import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { linkIdentity, unlinkIdentity } from '#authentication/connections/link-identity.ts'
import { removeConnection } from '#authentication/connections/remove-connection.ts'
import { createConnection, editConnection } from '#authentication/connections/save-connection.ts'
import { requestEmailChange } from '#authentication/joining/change-email.ts'
import { changePassword } from '#authentication/passwords/change-password.ts'
import { claimDomain, removeDomain, verifyDomain } from '#directory/organizations/verify-domain.ts'
import { type Actor, requireFreshSignIn } from '#directory/users/actor.ts'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import type { User } from '#foundation/database/schema.ts'
import { type OpenTestDatabase, openTestDatabase } from '#support/databases.ts'

/** What is refused before anything is looked up: nobody of these is in the database. */
const refused = { code: 'permission_denied' }
const user = { id: 'usr_1', email: 'ada@acme.test', superadmin: false } as User
const secondsAgo = (seconds: number) => new Date(Date.now() - seconds * 1000)
const encryption = encryptionWith([randomBytes(32)])

let store: OpenTestDatabase
beforeAll(async () => {
  store = await openTestDatabase()
})
afterAll(() => store.close())

describe('a use case that changes how an account is signed in to', () => {
  const stale = { user, sessionUid: 'session', signedInAt: secondsAgo(11 * 60) }
  /** Nothing gets as far as to send a mail. */
  const outbox = undefined as never
  const asked = {} as Parameters<typeof requestEmailChange>[2]['asked']
  const linked = {} as Parameters<typeof linkIdentity>[2]

  test.each([
    ['password', () => changePassword({ db: store.db, outbox }, stale, 'a long new passphrase')],
    ['address', () => requestEmailChange({ db: store.db, outbox }, stale, { newEmail: 'new@acme.test', asked })],
    ['identity, linked', () => linkIdentity(store.db, stale, { ...linked, askedAt: new Date() })],
    ['identity, unlinked', () => unlinkIdentity(store.db, stale, 'idn_1')],
  ])('asks itself for a fresh sign-in: %s', async (_name, change) => {
    await expect(change()).rejects.toMatchObject(refused)
  })

  test('takes a sign-in of the last ten minutes, counted when the change was asked for', () => {
    const actor = { signedInAt: secondsAgo(9 * 60) }
    expect(() => requireFreshSignIn(actor)).not.toThrow()
    expect(() => requireFreshSignIn({ signedInAt: secondsAgo(15 * 60) }, secondsAgo(6 * 60))).not.toThrow()
    expect(() => requireFreshSignIn(actor, secondsAgo(-2 * 60))).toThrow()
  })
})

describe('a use case of connections or domains decides itself', () => {
  const organization = { id: 'org_1', slug: 'acme' }
  const parts = { encryption, outboundAllowedHosts: [] }
  const connection = { name: 'github', type: 'github', client_id: 'a', client_secret: 'b' } as const
  const admin: Actor = { user, organizationId: organization.id, isAdmin: true }

  const actors: [string, Actor][] = [
    ['a plain member', { ...admin, isAdmin: false }],
    ["another organization's administrator", { ...admin, organizationId: 'org_2' }],
    ['an API key', { ...admin, apiKey: { id: 'key_1', name: 'nightly' } }],
  ]
  test.each(actors)('and refuses %s', async (_name, actor) => {
    const management = { organization, actor }
    const { db } = store
    const changes = [
      () => createConnection(db, parts, management, connection),
      () => editConnection(db, parts, management, 'github', {}),
      () => removeConnection(db, management, 'github'),
      () => claimDomain(db, management, 'acme.test'),
      () => verifyDomain(db, { encryption, resolveTxt: async () => [] }, management, 'acme.test'),
      () => removeDomain(db, management, 'acme.test'),
    ]
    for (const change of changes) await expect(change()).rejects.toMatchObject(refused)
  })

  test("and leaves the deployment's connections to superadmins", async () => {
    const management = { organization: null, actor: admin }
    await expect(createConnection(store.db, parts, management, connection)).rejects.toMatchObject(refused)
  })
})
