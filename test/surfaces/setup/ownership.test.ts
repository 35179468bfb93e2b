import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { foundOrganization } from '#directory/organizations/found-organization.ts'
import { updateUser } from '#directory/users/save-user.ts'
import type { Config } from '#foundation/config/config.ts'
import { call } from '#support/api-requests.ts'
import { availableDatabases, createTestDatabase, postgresAvailable, type TestDatabase } from '#support/databases.ts'
import { allowed, claimsOf, connect, signInThrough } from '#support/federation.ts'
import { freePort } from '#support/free-port.ts'
import { setup as everybody, type Gatehouse, introspect, password, testConfig } from '#support/gatehouse.ts'
import { type IdentityProvider, startIdentityProvider, upstreamClient } from '#support/identity-provider.ts'
import { createKey, signInTo } from '#support/keys.ts'
import { type RunningServer, startServer } from '../../../src/server.ts'

const cli = new URL('../../../src/gatehouse.ts', import.meta.url).pathname

/** Embedded, a start takes seconds where others want the machine too. */
const patience = { timeout: 180_000 }

describe.each(availableDatabases())('a setup file at every boot on %s', patience, (kind) => {
  let testDatabase: TestDatabase
  let config: Config
  let okta: IdentityProvider
  let server: RunningServer | undefined
  let gatehouse: Gatehouse
  /** What the last boot left alone. */
  let lines: string[]

  beforeAll(async () => {
    okta = await startIdentityProvider()
    testDatabase = await createTestDatabase(kind)
    config = testConfig({ ...testDatabase, ...allowed(okta), port: await freePort() })
  })
  afterAll(async () => {
    await server?.stop()
    await testDatabase.drop()
    await okta.stop()
  })

  /** The file that everybody is in, with a connection of Acme's, and more at the ends of its lists. */
  const fileWith = ({ users = '', acme = '', organizations = '', more = '' } = {}) => {
    const entry = `{ name: acme-okta, type: oidc, issuer: "${okta.issuer}", client_id: ${upstreamClient.clientId},
        client_secret: ${upstreamClient.clientSecret}, group_claim: groups, group_teams: { sre: writers } }`
    return everybody
      .replace('organizations:\n', `${users}organizations:\n`)
      .replace('    domains: [acme.test]\n', `    domains: [acme.test]\n    connections: [${entry}]\n${acme}`)
      .concat(organizations, more)
  }

  /** The line of `plan`. */
  const callbackOf = (name: string, handle = name.split('/')[1]) =>
    `@ connection ${name}  callback_url: http://localhost:3000/connections/${handle}/callback\n`

  async function boot(text: string): Promise<void> {
    await server?.stop()
    server = undefined
    const setupFile = join(config.dataDir, 'gatehouse.yaml')
    writeFileSync(setupFile, text)
    lines = []
    const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) })
    server = await startServer({ ...config, setupFile }, { log, environment: {} })
    gatehouse = { url: server.url, config, database: server.database } as Gatehouse
  }

  /** `gatehouse plan`, once the server is gone: embedded, it holds the directory. */
  async function plan(text: string): Promise<string> {
    await server?.stop()
    server = undefined
    const file = join(config.dataDir, 'planned.yaml')
    writeFileSync(file, text)
    const env = {
      PATH: process.env.PATH,
      DATA_DIR: config.dataDir,
      DATABASE_URL: config.databaseUrl,
      ENCRYPTION_KEYS: config.encryptionKeys.map((key) => key.toString('base64')).join(','),
      OUTBOUND_ALLOWED_HOSTS: config.outboundAllowedHosts.join(','),
    }
    return new Promise((resolve, reject) => {
      execFile(process.execPath, [cli, 'plan', '-f', file], { env }, (error, stdout, stderr) =>
        error ? reject(new Error(`${stdout}${stderr}`)) : resolve(stdout),
      )
    })
  }

  const toAcme = { parameters: { organization: 'acme' } }
  const userOf = (email: string) =>
    gatehouse.database.db.selectFrom('users').selectAll().where('email', '=', email).executeTakeFirst()
  const isActive = async (token: string) => (await introspect(gatehouse.url, token)).json.active
  const membersOf = async (slug: string) => {
    const rows = await gatehouse.database.db
      .selectFrom('memberships as m')
      .innerJoin('organizations as o', 'o.id', 'm.organizationId')
      .innerJoin('users as u', 'u.id', 'm.userId')
      .leftJoin('teamMembers as p', 'p.membershipId', 'm.id')
      .leftJoin('teams as t', 't.id', 'p.teamId')
      .select(['u.email', 'm.admin', 't.name as team'])
      .where('o.slug', '=', slug)
      .orderBy('u.email')
      .orderBy('t.name')
      .execute()
    return rows.map(({ email, admin, team }) => [email, ...(admin ? ['admin'] : []), ...(team ? [team] : [])].join(' '))
  }
  const identitiesOf = async (email: string) =>
    (
      await gatehouse.database.db
        .selectFrom('identities as i')
        .innerJoin('users as u', 'u.id', 'i.userId')
        .select('i.id')
        .where('u.email', '=', email)
        .execute()
    ).length

  /** Somebody signs in through Acme's provider, which says whatever it likes, and makes a key. */
  async function comeThroughOkta(person: Record<string, unknown> & { sub: string }) {
    okta.person = person
    const flow = await signInThrough(gatehouse, 'acme-okta', toAcme)
    if (!flow.browser.page.url.includes('code=')) await claimsOf(flow)
    const { access_token: token } = await flow.redeem()
    const { key } = await createKey(gatehouse, { token, headers: { authorization: `Bearer ${token}` } })
    return { token, key }
  }

  test('takes over no account of a stranger, whatever the file makes of its address, until it says so', async () => {
    await boot(fileWith())
    const email = 'boss@elsewhere.test'
    const stranger = await comeThroughOkta({ sub: 'stranger', name: 'Mallory', email, email_verified: true })
    expect(await userOf(email)).toMatchObject({ emailVerifiedAt: null })

    const listed = (more: string) =>
      fileWith({
        users: `  - { email: ${email}, name: Boss, password: password-of-the-boss, superadmin: true${more} }\n`,
        more: `    members: [{ email: grace@globex.test, admin: true }, { email: ${email}, admin: true }]\n`,
        organizations: '  - slug: initech\n',
      })
    const planned = await plan(listed(''))
    expect(planned).toContain(`user ${email} is left alone: this file did not make it; adopt: true on it takes it over`)
    expect(planned).toContain(`is left alone, as user ${email} is`)
    expect(planned).toContain('+ create organization initech')
    await boot(listed(''))
    expect(lines.filter((line) => line.includes(`user ${email} is left alone`))).toHaveLength(1)
    expect(await userOf(email)).toMatchObject({ superadmin: false, name: 'Mallory', passwordHash: null })
    expect(await membersOf('initech')).toEqual(['grace@globex.test admin'])
    expect(await identitiesOf(email)).toBe(1)
    expect([await isActive(stranger.token), await isActive(stranger.key)]).toEqual([true, true])

    expect(await plan(listed(', adopt: true'))).toMatch(
      /! adopt user boss@elsewhere\.test {2}.*superadmin: false → true.*credentials: unproven → voided/,
    )
    await boot(listed(', adopt: true'))
    expect(lines).toEqual([])
    expect(await userOf(email)).toMatchObject({ superadmin: true, emailVerifiedAt: expect.any(Date) })
    expect(await membersOf('initech')).toEqual([`${email} admin`, 'grace@globex.test admin'])
    expect(await identitiesOf(email)).toBe(0)
    expect([await isActive(stranger.token), await isActive(stranger.key)]).toEqual([false, false])
    const answer = await call(gatehouse, '/v1/auth/authenticate', {
      json: { email, password: 'password-of-the-boss', organization: 'initech' },
    })
    expect(answer.status).toBe(200)

    // Once is enough: what the person does from now on stays.
    const before = await userOf(email)
    await boot(listed(', adopt: true'))
    expect(await userOf(email)).toEqual(before)
    await boot(listed(''))
    expect(await userOf(email)).toEqual(before)
  })

  test("leaves a stranger's organization, connection and team alone, and makes the rest", async () => {
    await boot(fileWith())
    const { db } = gatehouse.database
    const founder = (await userOf('nobody@example.test'))!
    const founded = await db.transaction().execute((tx) => foundOrganization(tx, { name: 'Hooli', founder }))
    expect(founded.slug).toBe('hooli')
    await connect(gatehouse, { name: 'sso', organization: 'hooli', issuer: okta.issuer })
    const listed = (more: string) =>
      fileWith({
        organizations: `  - slug: hooli\n    name: Hooli of the file\n    domains: [hooli.test]\n${more}    teams: [{ name: all, permissions: ["*"] }]\n    members: [{ email: grace@globex.test, admin: true }]\n`,
        more: `connections: [{ name: sso, type: github, client_id: a, client_secret: b }]\n`,
      })
    // A stranger has the one name, nobody the other, and the id is drawn when it is applied.
    const planned = await plan(
      listed('').replace('[{ name: sso', '[{ name: free, type: google, client_id: a, client_secret: b }, { name: sso'),
    )
    expect(planned).toContain('@ connection sso  callback_url: http://localhost:3000/connections/{id}/callback\n')
    expect(planned).toContain('@ connection free  callback_url: http://localhost:3000/connections/free/callback\n')
    expect(planned).toContain(callbackOf('acme/acme-okta'))
    await boot(listed(''))
    expect(lines).toEqual([
      expect.stringContaining(
        'organization hooli, with all that is listed in it, is left alone: this file did not make it',
      ),
    ])
    expect(await membersOf('hooli')).toEqual(['nobody@example.test admin'])
    const connections = await gatehouse.database.db
      .selectFrom('connections')
      .selectAll()
      .where('name', '=', 'sso')
      .execute()
    const [own, theirs] = [
      connections.find((one) => !one.organizationId),
      connections.find((one) => one.organizationId),
    ]
    expect([own?.handle, theirs?.handle]).toEqual([own?.id, 'sso'])

    await boot(listed('    adopt: true\n'))
    expect(lines).toEqual([expect.stringContaining('organization hooli keeps its members and admins; exclusive: true')])
    expect(await membersOf('hooli')).toEqual(['grace@globex.test admin', 'nobody@example.test admin'])
    await boot(listed('    adopt: true\n    exclusive: true\n'))
    expect(await membersOf('hooli')).toEqual(['grace@globex.test admin'])
  })

  test('undoes nothing that people did: who came, their teams, names and keys stay', async () => {
    await boot(fileWith())
    const person = { sub: 'carol', name: 'Carol', email: 'carol@acme.test', email_verified: true }
    const carol = await comeThroughOkta({ ...person, groups: ['sre'] })
    const ada = { sub: 'ada', name: 'Ada of the provider', email: 'ada@acme.test', email_verified: true }
    await comeThroughOkta({ ...ada, groups: ['sre'] })
    const before = await membersOf('acme')
    expect(before).toContain('carol@acme.test writers')
    expect(await plan(fileWith())).toBe(`No changes.\n${callbackOf('acme/acme-okta')}`)
    for (let boots = 0; boots < 2; boots++) {
      await boot(fileWith())
      expect(lines).toEqual([])
      expect(await membersOf('acme')).toEqual(before)
      expect(await isActive(carol.key)).toBe(true)
      expect(await userOf('ada@acme.test')).toMatchObject({ name: 'Ada of the provider' })
    }

    // What the file itself changes counts, a name too.
    await boot(
      fileWith().replace('name: Ada,', 'name: Countess,').replace('teams: [readers, writers]', 'teams: [readers]'),
    )
    expect(await userOf('ada@acme.test')).toMatchObject({ name: 'Countess' })
    expect(await membersOf('acme')).toContain('carol@acme.test writers')
    expect((await membersOf('acme')).filter((line) => line.startsWith('ada@'))).toEqual(['ada@acme.test admin readers'])

    expect(await plan(fileWith({ acme: '    exclusive: true\n' }))).toContain('- delete member acme/carol@acme.test')
    await boot(fileWith({ acme: '    exclusive: true\n' }))
    expect((await membersOf('acme')).join()).not.toContain('carol')
    expect(await isActive(carol.key)).toBe(false)
    await boot(fileWith())
  })

  test('never takes away the last superadmin or the last admin, and applies the rest', async () => {
    await boot(fileWith())
    await gatehouse.database.db
      .updateTable('users')
      .set({ superadmin: false })
      .where('email', '!=', 'root@example.test')
      .execute()
    const text = fileWith({ more: 'connections: [{ name: rest, type: github, client_id: a, client_secret: b }]\n' })
      .replace(', superadmin: true }', ', active: false }')
      .replace('      - { email: grace@globex.test, admin: true, teams: [] }\n', '')
      .replace(/ {8}admin: true\n/, '')
    await boot(text)
    expect(lines).toHaveLength(3)
    expect(lines.join()).toMatch(/stays an active superadmin: it is the last one/)
    expect(lines.join()).toMatch(/stays an active admin: it is the organization's last one/)
    expect(lines.join()).toMatch(/grace@globex\.test stays: it is the organization's last admin/)
    expect(await userOf('root@example.test')).toMatchObject({ superadmin: true, deactivatedAt: null })
    expect((await membersOf('acme')).join()).toContain('ada@acme.test admin')
    expect(await membersOf('globex')).toContain('grace@globex.test admin')
    expect(
      (await gatehouse.database.db.selectFrom('connections').select('name').execute()).map(({ name }) => name),
    ).toContain('rest')
    await boot(fileWith())
  })

  test('knows whom it made by id: another address makes no second account', async () => {
    await boot(fileWith())
    const { db } = gatehouse.database
    const { id } = (await userOf('grace@globex.test'))!
    await updateUser(db, id, { email: 'grace@married.test' })
    const count = async () => (await gatehouse.database.db.selectFrom('users').select('id').execute()).length
    const people = await count()
    const members = await membersOf('globex')
    await boot(fileWith())
    expect([await count(), lines]).toEqual([people, []])
    expect((await userOf('grace@married.test'))?.id).toBe(id)
    expect(await membersOf('globex')).toEqual(members)
    expect((await signInTo(gatehouse, 'globex', 'grace@married.test')).token).toBeTruthy()

    // The file may follow.
    await boot(fileWith().replaceAll('grace@globex.test', 'grace@married.test'))
    expect([await count(), lines]).toEqual([people, []])
    await updateUser(gatehouse.database.db, id, { email: 'grace@globex.test' })
    await boot(fileWith())
    expect([await count(), lines]).toEqual([people, []])
  })

  test('active: false switches off users, members and organizations, and plan says so', async () => {
    await boot(fileWith())
    const key = await createKey(gatehouse, await signInTo(gatehouse, 'globex', 'grace@globex.test'))
    const off = fileWith()
      .replace('name: Noor, ', 'name: Noor, active: false, ')
      .replace(
        '{ email: ada@acme.test, teams: [auditors] }',
        '{ email: ada@acme.test, teams: [auditors], active: false }',
      )
      .replace('slug: globex\n', 'slug: globex\n    active: false\n')
    expect((await plan(off)).split('\n').filter((line) => /^[^@]/.test(line))).toEqual([
      '~ update user nobody@example.test  active: true → false',
      '~ update organization globex  active: true → false',
      '~ update member globex/ada@acme.test  active: true → false',
    ])
    await boot(off)
    expect(await isActive(key.key)).toBe(false)
    expect(
      (await call(gatehouse, '/v1/auth/authenticate', { json: { email: 'nobody@example.test', password } })).status,
    ).toBe(401)
    // Where nothing is said, what is off stays off, whoever switched it off.
    await boot(fileWith())
    expect(await isActive(key.key)).toBe(false)
    expect(await plan(off.replaceAll('active: false', 'active: true'))).toBe(
      [
        '~ update user nobody@example.test  active: false → true',
        '~ update organization globex  active: false → true',
        '~ update member globex/ada@acme.test  active: false → true',
        callbackOf('acme/acme-okta'),
      ].join('\n'),
    )
    await boot(off.replaceAll('active: false', 'active: true'))
    expect(await isActive(key.key)).toBe(true)
  })

  test.runIf(kind === 'postgres' && postgresAvailable())(
    'knows what earlier versions made by their audit log',
    async () => {
      await boot(fileWith())
      const { db } = gatehouse.database
      const objects = () =>
        db.selectFrom('setupObjects').select(['kind', 'name', 'objectId']).orderBy('kind').orderBy('name').execute()
      const before = await objects()
      await db.deleteFrom('setupObjects').execute()
      const migration = readFileSync(
        new URL('../../../src/foundation/database/migrations/0019-setup-objects.sql', import.meta.url),
        'utf8',
      )
      const [, ...inserts] = migration.split(/;\n/).filter((statement) => statement.trim() !== '')
      await db.transaction().execute(async (tx) => {
        await sql.raw(asItWas).execute(tx)
        for (const statement of inserts) await sql.raw(statement).execute(tx)
      })
      expect(await objects()).toEqual(before)
      const members = await membersOf('acme')
      await boot(fileWith())
      expect([await membersOf('acme'), lines]).toEqual([members, []])
    },
  )

  test.runIf(kind === 'postgres')('is applied once by nodes that boot at once', async () => {
    await server?.stop()
    server = undefined
    const setupFile = join(config.dataDir, 'gatehouse.yaml')
    writeFileSync(setupFile, fileWith({ organizations: '  - { slug: at-once, name: At once }\n' }))
    const log = pino({ level: 'silent' })
    const ports = [await freePort(), await freePort()]
    const nodes = await Promise.all(
      ports.map((port) => startServer({ ...config, port, setupFile }, { log, environment: {} })),
    )
    const events = await nodes[0]!.database.db
      .selectFrom('auditLog')
      .select('action')
      .where('subjectName', '=', 'at-once')
      .where('subjectKind', '=', 'organization')
      .execute()
    expect(events).toEqual([{ action: 'organization.created' }])
    await Promise.all(nodes.map((node) => node.stop()))
  })
})

/** The audit log in the form that it had then, in front of today's. */
const asItWas = `
  create temp table audit_log on commit drop as
  select a.id, a.occurred_at, a.action, a.before, a.after,
    case actor_kind when 'setup_file' then 'setup:' || actor_name else actor_id end as actor,
    concat(subject_kind, ' ', case when subject_kind in ('team', 'member', 'connection') then o.slug || '/' end, subject_name) as subject
  from public.audit_log a left join organizations o on o.id = a.organization_id`
