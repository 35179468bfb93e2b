import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hashPassword, verifyPassword } from '#authentication/passwords/password.ts'
import { applySetup } from '#authentication/setup/apply-setup.ts'
import type { Change } from '#authentication/setup/changes.ts'
import { planSetup } from '#authentication/setup/plan-setup.ts'
import { describeProblem } from '#authentication/setup/setup-error.ts'
import { succeedSecrets } from '#directory/clients/save-secret.ts'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import { newId } from '#foundation/crypto/ids.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import { clock } from '#foundation/database/clock.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { tryLock } from '#foundation/database/locks.ts'
import type { Tables } from '#foundation/database/schema.ts'
import { availableDatabases, type OpenTestDatabase, openTestDatabase, postgresAvailable } from '#support/databases.ts'
import { parseSetupFile } from '#surfaces/setup/setup-file.ts'

const setupOf = (text: string) => parseSetupFile(text, 'gatehouse.yaml')
const parts = { encryption: encryptionWith([randomBytes(32)]), outboundAllowedHosts: ['idp.test:8080'] }
const apply = async (db: Queryable, text: string, name: 'apply' | 'boot' | 'demo' = 'apply') =>
  (await applySetup(db, setupOf(text), { actor: { system: 'setup_file', name }, ...parts })).changes
const plan = async (db: Queryable, text: string) => (await planSetup(db, setupOf(text), parts)).changes
const lines = (changes: Change[]) => changes.map(({ action, subject }) => `${action} ${subject}`)

/** A company with everything a file may hold, under names of its own: no test depends on another. */
const companyNamed = (name: string) => `
permissions:
  - { name: items:read, description: See items }
  - { name: items:write }
resource_servers:
  - { client_id: ${name}-api, client_secret: secret-of-api, resource: "https://${name}.example" }
clients:
  - client_id: ${name}-console
    first_party: true
    redirect_uris: [http://localhost:8080/callback]
  - client_id: ${name}-export
    client_secret: secret-of-export
    grant_types: [client_credentials]
    organization: ${name}
    permissions: [items:read]
    data_scopes: [{ source: ceph, scope_id: null }]
users:
  - { email: root@${name}.test, name: Root, password: password-of-root, superadmin: true }
  - { email: ada@${name}.test, name: Ada, password: password-of-ada }
  - { email: bob@${name}.test, name: Bob }
organizations:
  - slug: ${name}
    name: ${name} Corporation
    branding: { accent_color: "#B3261E" }
    domains: [${name.toUpperCase()}.test]
    teams:
      - { name: readers, permissions: [items:read], data_scopes: [{ source: kubernetes, scope_id: prod }] }
      - { name: writers, permissions: [items:write] }
    members:
      - { email: ada@${name}.test, admin: true, teams: [readers, Writers], data_scopes: [{ source: proxmox, scope_id: null }] }
      - { email: BOB@${name}.test, teams: [readers] }
`

const secrets = ['secret-of-api', 'secret-of-export', 'password-of-root', 'password-of-ada']

describe.each(availableDatabases())('a setup file on %s', (kind) => {
  let store: OpenTestDatabase
  let db: Queryable
  beforeAll(async () => {
    store = await openTestDatabase(kind)
    db = store.db
  })
  afterAll(() => store.close())
  const notices = async (text: string) =>
    (await applySetup(db, setupOf(text), { actor: { system: 'setup_file', name: 'apply' }, ...parts })).notices.map(
      describeProblem,
    )

  test('plans without writing, applies, and finds nothing to do the second time', async () => {
    const own = await openTestDatabase(kind)
    const text = companyNamed('acme')
    const empty = await contents(own.db)
    const planned = await plan(own.db, text)
    expect(await contents(own.db)).toEqual(empty)

    const applied = await apply(own.db, text)
    expect(applied).toEqual(planned)
    expect(lines(applied)).toEqual([
      'create permission items:read',
      'create permission items:write',
      'create user root@acme.test',
      'create user ada@acme.test',
      'create user bob@acme.test',
      'create organization acme',
      'create team acme/readers',
      'create team acme/writers',
      'create member acme/ada@acme.test',
      'create member acme/BOB@acme.test',
      'create resource server acme-api',
      'create client acme-console',
      'create client acme-export',
    ])

    const before = await contents(own.db)
    expect(await plan(own.db, text)).toEqual([])
    expect(await apply(own.db, text)).toEqual([])
    expect(await contents(own.db)).toEqual(before)
    await own.close()
  })

  // S0-24, S0-26
  test('gives members what it says, directly and through teams', async () => {
    const name = await newCompany(db)
    expect(await member(db, name, `ada@${name}.test`)).toMatchObject({
      admin: true,
      deactivatedAt: null,
      effectivePermissions: ['items:read', 'items:write'],
      effectiveDataScopes: [
        { source: 'kubernetes', scope_id: 'prod' },
        { source: 'proxmox', scope_id: null },
      ],
    })
    expect(await member(db, name, `bob@${name}.test`)).toMatchObject({ effectivePermissions: ['items:read'] })
    const { id, ...organization } = await organizationOf(db, name)
    expect(organization).toMatchObject({ name: `${name} Corporation`, accentColor: '#b3261e', suspendedAt: null })
    const domains = await db.selectFrom('organizationDomains').selectAll().where('organizationId', '=', id).execute()
    expect(domains).toEqual([expect.objectContaining({ domain: `${name}.test`, verifiedAt: expect.any(Date) })])
  })

  test('makes users whose address counts as verified and whose password works', async () => {
    const name = await newCompany(db)
    const ada = await user(db, `ada@${name}.test`)
    expect(ada.emailVerifiedAt).toBeInstanceOf(Date)
    expect(await verifyPassword(ada.passwordHash, 'password-of-ada')).toBe(true)
    expect((await user(db, `root@${name}.test`)).superadmin).toBe(true)
    expect((await user(db, `bob@${name}.test`)).passwordHash).toBeNull()
  })

  test('makes clients with the defaults of their kind, and only the hash of their secret', async () => {
    const name = await newCompany(db)
    expect(await client(db, `${name}-console`)).toMatchObject({
      clientName: `${name}-console`,
      firstParty: true,
      metadata: {
        redirect_uris: ['http://localhost:8080/callback'],
        grant_types: ['authorization_code'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
      },
    })
    expect(await client(db, `${name}-api`)).toMatchObject({
      resourceServer: true,
      resource: `https://${name}.example`,
      accessTokenFormat: 'opaque',
      metadata: {
        redirect_uris: [],
        grant_types: ['client_credentials'],
        response_types: [],
        token_endpoint_auth_method: 'client_secret_basic',
      },
    })
    expect(await secretsOf(db, `${name}-console`)).toEqual([])
    expect(await secretsOf(db, `${name}-api`)).toEqual([sha256('secret-of-api')])
    expect(await client(db, `${name}-export`)).toMatchObject({
      organizationId: (await organizationOf(db, name)).id,
      permissions: ['items:read'],
      dataScopes: [{ source: 'ceph', scope_id: null }],
    })
  })

  test('records one audit entry for each change, with who, what and where', async () => {
    const name = `c${randomBytes(4).toString('hex')}`
    const changes = await apply(db, companyNamed(name), 'boot')
    const { id } = await organizationOf(db, name)
    const log = await db
      .selectFrom('auditLog')
      .selectAll()
      .where((is) => is.or([is('organizationId', '=', id), is('subjectName', 'like', `%${name}%`)]))
      .orderBy('id')
      .execute()
    const subjects = changes.map((change) => change.subject).filter((subject) => !subject.startsWith('permission'))
    expect(log.map((entry) => entry.subjectName)).toEqual(subjects.map((subject) => subject.split(/[ /]/).at(-1)))
    for (const entry of log) expect(entry).toMatchObject({ actorKind: 'setup_file', actorName: 'boot', via: 'server' })
    expect(log.find((entry) => entry.subjectName === 'writers')).toMatchObject({
      action: 'team.created',
      subjectKind: 'team',
      subjectId: expect.stringMatching(/^team_/),
      organizationId: id,
      before: null,
      after: { name: 'writers', permissions: ['items:write'], data_scopes: [] },
    })
  })

  test('a changed secret shows as a change, and no secret shows anywhere', async () => {
    const name = await newCompany(db)
    const { revision } = await client(db, `${name}-export`)
    const changes = await apply(db, companyNamed(name).replace('secret-of-export', 'secret-rotated'))
    expect(changes).toEqual([
      {
        action: 'update',
        subject: `client ${name}-export`,
        before: { client_secret: 'set' },
        after: { client_secret: 'replaced' },
      },
    ])
    const changed = await client(db, `${name}-export`)
    expect(await secretsOf(db, `${name}-export`)).toEqual([sha256('secret-rotated')])
    expect(changed.revision).not.toBe(revision)
    const everything = JSON.stringify([await contents(db), changes])
    for (const secret of [...secrets, 'secret-rotated']) expect(everything).not.toContain(secret)
    const log = JSON.stringify(await db.selectFrom('auditLog').selectAll().execute())
    for (const secret of [...secrets, 'secret-rotated']) expect(log).not.toContain(sha256(secret).toString('hex'))
    expect(log).not.toContain('$argon2id')
  })

  test('a secret that was rotated stays, until the file says another or none', async () => {
    const name = await newCompany(db)
    const text = companyNamed(name)
    const id = `${name}-export`
    const rotate = async (overlapSeconds: number) => {
      const secret = newId('token')
      const row = { id: newId('clientSecret'), hash: sha256(secret), hint: 'abcd' }
      await db.transaction().execute(async (tx) => {
        await succeedSecrets(tx, id, row, { overlapSeconds, at: await clock(tx) })
      })
      return secret
    }
    const first = await rotate(3600)
    expect(await plan(db, text)).toEqual([])
    expect(await apply(db, text)).toEqual([])
    expect(await secretsOf(db, id)).toEqual([sha256('secret-of-export'), sha256(first)])
    const second = await rotate(0)
    expect(await apply(db, text)).toEqual([])
    expect(await secretsOf(db, id)).toEqual([sha256(second)])

    // Whoever writes the new one into the file ends nothing by it.
    const third = await rotate(3600)
    expect(await apply(db, text.replace('secret-of-export', third))).toEqual([])
    expect(await secretsOf(db, id)).toEqual([sha256(second), sha256(third)])

    // One that is about to end is another than the file's from now on.
    const change = { action: 'update', subject: `client ${id}`, before: { client_secret: 'set' } }
    const replaced = { ...change, after: { client_secret: 'replaced' } }
    expect(await apply(db, text.replace('secret-of-export', second))).toEqual([replaced])
    expect(await secretsOf(db, id)).toEqual([sha256(second)])

    const jwks = '{ keys: [{ kty: OKP, crv: Ed25519, x: 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo }] }'
    const byKey = `token_endpoint_auth_method: private_key_jwt, jwks: ${jwks}`
    await apply(db, text.replace('client_secret: secret-of-export', byKey.replace(', ', '\n    ')))
    expect(await secretsOf(db, id)).toEqual([])
    await apply(db, text)
    expect(await secretsOf(db, id)).toEqual([sha256('secret-of-export')])
  })

  test('an edit of a client changes its revision, an edit of another does not', async () => {
    const name = await newCompany(db)
    const before = [await client(db, `${name}-console`), await client(db, `${name}-api`)]
    await apply(db, companyNamed(name).replace('first_party: true', 'first_party: false'))
    expect((await client(db, `${name}-console`)).revision).not.toBe(before[0]!.revision)
    expect(await client(db, `${name}-api`)).toEqual(before[1])
  })

  test('a password is only that of the first time', async () => {
    const name = await newCompany(db)
    const before = await user(db, `ada@${name}.test`)
    expect(await apply(db, `users: [{ email: ada@${name}.test, password: another-password }]`)).toEqual([])
    expect(await user(db, `ada@${name}.test`)).toEqual(before)
  })

  test('a password may come as argon2id hash, from here or from elsewhere', async () => {
    const ours = await hashPassword('from elsewhere')
    const theirs = ours.replace(/m=(\d+),p=(\d+),t=(\d+)/, 'm=$1,t=$3,p=$2')
    for (const [name, hash] of Object.entries({ ours, theirs })) {
      await apply(db, `users: [{ email: ${name}@hash.test, password_hash: '${hash}' }]`)
      expect(await verifyPassword((await user(db, `${name}@hash.test`)).passwordHash, 'from elsewhere')).toBe(true)
    }
  })

  test('active: false switches off, active: true on again, and leaving it out neither', async () => {
    const off = `
users: [{ email: off@acme.test, active: false }]
organizations:
  - slug: switched
    active: false
    members: [{ email: off@acme.test, active: false }]
`
    await apply(db, off)
    expect((await user(db, 'off@acme.test')).deactivatedAt).toBeInstanceOf(Date)
    expect((await organizationOf(db, 'switched')).suspendedAt).toBeInstanceOf(Date)
    expect((await member(db, 'switched', 'off@acme.test')).deactivatedAt).toBeInstanceOf(Date)
    expect(await apply(db, off)).toEqual([])
    expect(await apply(db, off.replaceAll(', active: false', '').replace('    active: false\n', ''))).toEqual([])

    expect(lines(await apply(db, off.replaceAll('active: false', 'active: true')))).toEqual([
      'update user off@acme.test',
      'update organization switched',
      'update member switched/off@acme.test',
    ])
    expect((await user(db, 'off@acme.test')).deactivatedAt).toBeNull()
    expect((await organizationOf(db, 'switched')).suspendedAt).toBeNull()
    expect((await member(db, 'switched', 'off@acme.test')).deactivatedAt).toBeNull()
  })

  test('a right whose line is gone is gone', async () => {
    await apply(db, 'users: [{ email: was-root@example.test, superadmin: true }]')
    const [change] = await apply(db, 'users: [{ email: was-root@example.test }]')
    expect(change).toMatchObject({ before: { superadmin: true }, after: { superadmin: false } })
    expect((await user(db, 'was-root@example.test')).superadmin).toBe(false)
  })

  test('what the file does not name is left alone', async () => {
    const name = await newCompany(db)
    const before = await contents(db)
    expect(await apply(db, `organizations: [{ slug: ${name} }]`)).toEqual([])
    expect(await apply(db, 'permissions: []\nclients: []\nusers: []\norganizations: []')).toEqual([])
    expect(await contents(db)).toEqual(before)
  })

  test('lists inside what it names are exactly as it says', async () => {
    await newCompany(db)
    await apply(
      db,
      `
users: [{ email: one@lists.test }, { email: two@lists.test }, { email: boss@lists.test }]
organizations:
  - slug: lists
    domains: [lists.test, old.lists.test]
    teams:
      - { name: Readers, permissions: [items:read] }
      - { name: writers, permissions: [items:write], data_scopes: [{ source: ceph, scope_id: null }] }
    members:
      - { email: one@lists.test, admin: true, teams: [Readers, writers], permissions: ["items:*"] }
      - { email: two@lists.test, teams: [writers] }
      - { email: boss@lists.test, admin: true }
`,
    )
    const changes = await apply(
      db,
      `
organizations:
  - slug: lists
    domains: [lists.test, new.lists.test]
    teams:
      - { name: readers, permissions: [items:read], data_scopes: [{ source: ceph, scope_id: pool }] }
    members:
      - { email: one@lists.test, teams: [readers] }
      - { email: boss@lists.test, admin: true }
`,
    )
    expect(lines(changes)).toEqual([
      'update organization lists',
      'update team lists/readers',
      'delete team lists/writers',
      'update member lists/one@lists.test',
      'delete member lists/two@lists.test',
    ])
    expect(changes[3]).toMatchObject({
      before: { admin: true, teams: ['readers', 'writers'], permissions: ['items:*'] },
      after: { admin: false, teams: ['readers'], permissions: [] },
    })
    expect(await member(db, 'lists', 'one@lists.test')).toMatchObject({
      admin: false,
      permissions: [],
      effectivePermissions: ['items:read'],
      effectiveDataScopes: [{ source: 'ceph', scope_id: 'pool' }],
    })
    const { id } = await organizationOf(db, 'lists')
    const left = await db.selectFrom('memberships').select('id').where('organizationId', '=', id).execute()
    expect(left).toHaveLength(2)
    const domains = await db
      .selectFrom('organizationDomains')
      .select('domain')
      .where('organizationId', '=', id)
      .execute()
    expect(domains.map((row) => row.domain).sort()).toEqual(['lists.test', 'new.lists.test'])
  })

  test('a change of a team reaches members whom the file does not list', async () => {
    const name = await newCompany(db)
    await apply(db, `organizations: [{ slug: ${name}, teams: [{ name: readers, permissions: [items:write] }] }]`)
    for (const email of [`bob@${name}.test`, `ada@${name}.test`]) {
      expect(await member(db, name, email)).toMatchObject({ effectivePermissions: ['items:write'] })
    }
    expect((await member(db, name, `bob@${name}.test`)).effectiveDataScopes).toEqual([])
  })

  test('members may be in teams that only the database has', async () => {
    const name = await newCompany(db)
    const text = `organizations: [{ slug: ${name}, members: [{ email: ada@${name}.test, teams: [readers] }] }]`
    expect(lines(await apply(db, text))).toEqual([
      `update member ${name}/ada@${name}.test`,
      `delete member ${name}/bob@${name}.test`,
    ])
    expect(await apply(db, text)).toEqual([])
  })

  test('a member who is removed and comes back finds no old key alive', async () => {
    const text = (members: string) => `
users: [{ email: keys@acme.test }]
organizations: [{ slug: keys, members: [${members}] }]
`
    await apply(db, text('{ email: keys@acme.test }'))
    const hash = sha256('a key')
    const [{ id: userId }, { id: organizationId }] = [
      await user(db, 'keys@acme.test'),
      await organizationOf(db, 'keys'),
    ]
    await db
      .insertInto('credentials')
      .values({
        hash,
        format: 'opaque',
        kind: 'api_key',
        id: newId('token'),
        userId,
        organizationId,
        expiresAt: new Date(Date.now() + 3_600_000),
        name: null,
        grantId: null,
        clientId: null,
        audience: null,
        spentAt: null,
        revokedAt: null,
      })
      .execute()
    await apply(db, text(''))
    await apply(db, text('{ email: keys@acme.test }'))
    const key = await db.selectFrom('credentials').select('revokedAt').where('hash', '=', hash).executeTakeFirst()
    expect(key?.revokedAt).toBeInstanceOf(Date)
  })

  test('organizations may be named alike, which is said each time', async () => {
    const text = 'organizations: [{ slug: alike-1, name: Alike Ltd }, { slug: alike-2, name: "ALIKE, LTD" }]'
    await apply(db, 'organizations: [{ slug: alike-ltd }]')
    for (const time of ['first', 'second']) {
      expect([time, await notices(text)]).toEqual([
        time,
        [
          'gatehouse.yaml:1:17 organizations[0]: organization alike-1 is named like alike-2, alike-ltd: that name, typed, leads to none of them',
          expect.stringContaining('organization alike-2 is named like alike-1, alike-ltd'),
        ],
      ])
    }
    expect(await notices(text.replace('Alike Ltd', 'Unlike'))).toHaveLength(1)
  })

  test('a domain may move between organizations of the file, and not away from another', async () => {
    await apply(db, 'organizations: [{ slug: here, domains: [moving.test] }, { slug: there, domains: [] }]')
    expect(await notices('organizations: [{ slug: there, domains: [moving.test] }]')).toEqual([
      'gatehouse.yaml:1:42 organizations[0].domains[0]: is left out: it belongs to organization here; remove it there first',
    ])
    await apply(db, 'organizations: [{ slug: there, domains: [moving.test] }, { slug: here, domains: [] }]')
    const owner = await db
      .selectFrom('organizationDomains as d')
      .innerJoin('organizations as o', 'o.id', 'd.organizationId')
      .select('o.slug')
      .where('d.domain', '=', 'moving.test')
      .executeTakeFirst()
    expect(owner?.slug).toBe('there')
  })

  test('a claim on a domain that nobody verified stops nobody, and becomes the own when the file says so', async () => {
    await apply(db, 'organizations: [{ slug: claimant }]')
    const { id } = await organizationOf(db, 'claimant')
    await db
      .insertInto('organizationDomains')
      .values({ domain: 'claimed.test', organizationId: id, verifiedAt: null })
      .execute()
    const verified = () =>
      db
        .selectFrom('organizationDomains')
        .select('organizationId')
        .where('domain', '=', 'claimed.test')
        .where('verifiedAt', 'is not', null)
        .execute()
    await apply(db, 'organizations: [{ slug: owner, domains: [claimed.test] }]')
    expect(await verified()).toEqual([{ organizationId: (await organizationOf(db, 'owner')).id }])
    await apply(db, 'organizations: [{ slug: owner, domains: [] }, { slug: claimant, domains: [claimed.test] }]')
    expect(await verified()).toEqual([{ organizationId: id }])
  })

  test('two resource servers may exchange their identifiers', async () => {
    const text = (one: string, other: string) => `
resource_servers:
  - { client_id: first, client_secret: long-enough, resource: "${one}" }
  - { client_id: second, client_secret: long-enough, resource: "${other}" }
`
    await apply(db, text('urn:a', 'urn:b'))
    await apply(db, text('urn:b', 'urn:a'))
    expect((await client(db, 'first')).resource).toBe('urn:b')
    expect(
      await notices('resource_servers: [{ client_id: third, client_secret: long-enough, resource: "urn:a" }]'),
    ).toEqual([expect.stringContaining('client third is left alone: its resource belongs to client second')])
  })

  describe('references to what does not exist are refused with their line, and nothing is applied', () => {
    beforeAll(() => apply(db, companyNamed('acme')))
    test.each([
      [
        'a permission',
        'organizations:\n  - slug: acme\n    teams:\n      - { name: t, permissions: [items:red] }',
        '4:34 organizations[0].teams[0].permissions[0]: the catalogue has no permission items:red; did you mean `items:read`?',
      ],
      [
        'a resource with a wildcard',
        'organizations:\n  - slug: acme\n    members:\n      - { email: ada@acme.test, permissions: ["item:*"] }',
        '4:47 organizations[0].members[0].permissions[0]: the catalogue has no permission item:*',
      ],
      [
        'a permission of a service account',
        'clients:\n  - { client_id: s, client_secret: long-enough, grant_types: [client_credentials], organization: acme, permissions: [items:red] }',
        '2:118 clients[0].permissions[0]: the catalogue',
      ],
      [
        'a scope',
        'clients:\n  - { client_id: s, redirect_uris: [https://s.test/], scope: openid items:red }',
        '2:62 clients[0].scope: the catalogue has no permission items:red',
      ],
      [
        'a team',
        'organizations:\n  - slug: acme\n    members:\n      - { email: ada@acme.test, teams: [nobody] }',
        '4:41 organizations[0].members[0].teams[0]: organization acme has no team "nobody"',
      ],
      [
        'a team that the file removes',
        'organizations:\n  - slug: acme\n    teams: []\n    members:\n      - { email: ada@acme.test, teams: [readers] }',
        '5:41 organizations[0].members[0].teams[0]: organization acme has no team "readers"',
      ],
      [
        'a team of a connection',
        'organizations:\n  - slug: acme\n    connections: [{ name: x, type: google, client_id: a, client_secret: s, group_claim: hd, group_teams: { sre: nobody } }]',
        '3:113 organizations[0].connections[0].group_teams.sre: organization acme has no team',
      ],
      [
        'a user',
        'organizations:\n  - slug: acme\n    members:\n      - email: stranger@acme.test',
        '4:16 organizations[0].members[0].email: there is no user',
      ],
      [
        'an organization',
        'clients:\n  - { client_id: s, client_secret: long-enough, grant_types: [client_credentials], organization: nowhere }',
        '2:98 clients[0].organization: there is no organization nowhere',
      ],
    ])('%s', async (_name, text, message) => {
      const before = await contents(db)
      const withMore = `${text}\nusers: [{ email: new@acme.test }]\npermissions: [{ name: new:one }]\n`
      await expect(apply(db, withMore)).rejects.toThrow(`gatehouse.yaml:${message}`)
      await expect(plan(db, withMore)).rejects.toThrow(`gatehouse.yaml:${message}`)
      expect(await contents(db)).toEqual(before)
    })
  })

  test('an apply that fails at its last step has changed nothing', async () => {
    await sql`alter table audit_log add constraint fails check (actor_name <> 'demo')`.execute(db)
    const before = await contents(db)
    const text = companyNamed('never')
    await expect(apply(db, text, 'demo')).rejects.toThrow('"fails"')
    expect(await contents(db)).toEqual(before)
    await sql`alter table audit_log drop constraint fails`.execute(db)
  })
})

describe.runIf(postgresAvailable())('nodes that start at once', () => {
  test('apply the file once', async () => {
    const store = await openTestDatabase('postgres')
    const nodes = [store, ...(await Promise.all([1, 2, 3].map(() => store.openAnotherNode())))]
    const applied = await Promise.all(nodes.map((node) => apply(node.db, companyNamed('acme'), 'boot')))
    expect(applied.map((changes) => changes.length).sort()).toEqual([0, 0, 0, 13])
    const log = await store.db.selectFrom('auditLog').select('id').execute()
    expect(log).toHaveLength(13)
    await store.close()
  })

  test('hash passwords before anything waits for them', async () => {
    const store = await openTestDatabase('postgres')
    const other = await store.openAnotherNode()
    const users = Array.from({ length: 24 }, (_, n) => `{ email: u${n}@many.test, password: password-of-many }`)
    let underWay = true
    const applying = apply(store.db, `users: [${users}]`).finally(() => {
      underWay = false
    })
    const seen = { free: 0, taken: 0 }
    while (underWay) {
      const free = await other.db.transaction().execute((tx) => tryLock(tx, 'setup'))
      seen[free ? 'free' : 'taken']++
    }
    expect(await applying).toHaveLength(24)
    expect(seen.free).toBeGreaterThan(seen.taken)
    await store.close()
  })
})

async function newCompany(db: Queryable): Promise<string> {
  const name = `c${randomBytes(4).toString('hex')}`
  await apply(db, companyNamed(name))
  return name
}

const tables: (keyof Tables)[] = [
  'users',
  'organizations',
  'organizationDomains',
  'memberships',
  'teams',
  'teamMembers',
  'permissions',
  'clients',
  'clientSecrets',
  'credentials',
  'connections',
  'setupObjects',
  'auditLog',
]

/** Every row and its version, so that even writing the same values again shows. */
async function contents(db: Queryable) {
  const rows = tables.map((table) =>
    sql`select xmin::text as version, t.* from ${sql.table(table)} t order by t::text`.execute(db),
  )
  return Object.fromEntries((await Promise.all(rows)).map((result, index) => [tables[index], result.rows]))
}

function user(db: Queryable, email: string) {
  return db.selectFrom('users').selectAll().where('email', '=', email).executeTakeFirstOrThrow()
}

function organizationOf(db: Queryable, slug: string) {
  return db.selectFrom('organizations').selectAll().where('slug', '=', slug).executeTakeFirstOrThrow()
}

function client(db: Queryable, clientId: string) {
  return db.selectFrom('clients').selectAll().where('clientId', '=', clientId).executeTakeFirstOrThrow()
}

async function secretsOf(db: Queryable, clientId: string): Promise<Buffer[]> {
  const secrets = await db.selectFrom('clientSecrets').selectAll().where('clientId', '=', clientId).orderBy('createdAt')
  return (await secrets.execute()).map(({ hash }) => hash)
}

function member(db: Queryable, slug: string, email: string) {
  return db
    .selectFrom('memberships as m')
    .innerJoin('organizations as o', 'o.id', 'm.organizationId')
    .innerJoin('users as u', 'u.id', 'm.userId')
    .selectAll('m')
    .where('o.slug', '=', slug)
    .where('u.email', '=', email)
    .executeTakeFirstOrThrow()
}
