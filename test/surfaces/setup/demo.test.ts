import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifyPassword } from '#authentication/passwords/password.ts'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import { availableDatabases, type OpenTestDatabase, openTestDatabase } from '#support/databases.ts'
import { type DemoAccount, loadDemo } from '#surfaces/setup/demo.ts'

const issuer = 'http://localhost:3000'
const encryption = encryptionWith([randomBytes(32)])
const secretFor = (clientId: string) => `secret of ${clientId}`

describe.each(availableDatabases())('the demo on %s', (kind) => {
  let store: OpenTestDatabase
  let accounts: DemoAccount[]
  beforeAll(async () => {
    store = await openTestDatabase(kind)
    accounts = await loadDemo(store.db, { issuer, secretFor, encryption })
  })
  afterAll(() => store.close())

  test('tells generated passwords, which work', async () => {
    expect(accounts).toHaveLength(5)
    for (const { email, name, password } of accounts) {
      expect(password).toMatch(/^[a-z2-9]{4}(-[a-z2-9]{4}){3}$/)
      const user = await store.db.selectFrom('users').selectAll().where('email', '=', email).executeTakeFirstOrThrow()
      expect(user.name).toBe(name)
      expect(await verifyPassword(user.passwordHash, password)).toBe(true)
    }
    expect(new Set(accounts.map((account) => account.password)).size).toBe(accounts.length)
  })

  test('has people with two organizations, with one, with none', async () => {
    const memberships = await store.db
      .selectFrom('memberships as m')
      .innerJoin('users as u', 'u.id', 'm.userId')
      .innerJoin('organizations as o', 'o.id', 'm.organizationId')
      .select(['u.email', 'o.slug'])
      .orderBy('o.slug')
      .execute()
    const of = (email: string) => memberships.filter((row) => row.email === email).map((row) => row.slug)
    expect(of('ada@acme.test')).toEqual(['acme', 'globex'])
    expect(of('grace@globex.test')).toEqual(['globex'])
    expect(of('nobody@example.test')).toEqual([])
    expect(of('root@example.test')).toEqual([])
  })

  test('has the secrets that the server knows, and its own address', async () => {
    const clients = await store.db.selectFrom('clients').selectAll().execute()
    const secrets = await store.db.selectFrom('clientSecrets').selectAll().execute()
    const of = (id: string) => clients.find((client) => client.clientId === id)
    for (const id of ['inventory-api', 'reports-api', 'nightly-export']) {
      const ofClient = secrets.filter(({ clientId }) => clientId === id)
      expect(ofClient.map(({ hash }) => hash)).toEqual([sha256(secretFor(id))])
    }
    expect(of('demo')?.metadata.redirect_uris).toEqual([`${issuer}/demo/callback`])
    expect(of('reports-api')?.accessTokenFormat).toBe('jwt')
  })

  test('is loaded once, and only its relying party follows the server to another address', async () => {
    expect(await loadDemo(store.db, { issuer, secretFor, encryption })).toEqual([])
    const log = () => store.db.selectFrom('auditLog').select(['subjectKind', 'subjectId']).orderBy('id').execute()
    const before = (await log()).length
    expect(await loadDemo(store.db, { issuer: 'http://localhost:4000', secretFor, encryption })).toEqual([])
    expect((await log()).slice(before)).toEqual([{ subjectKind: 'client', subjectId: 'demo' }])
    const demo = await store.db.selectFrom('clients').selectAll().where('clientId', '=', 'demo').executeTakeFirst()
    expect(demo?.metadata.redirect_uris).toEqual(['http://localhost:4000/demo/callback'])
  })
})
