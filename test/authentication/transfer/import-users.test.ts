import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BadRow } from '#authentication/transfer/import-row.ts'
import { importUsers } from '#authentication/transfer/import-users.ts'
import { authenticate, call, newTokens } from '#support/api-requests.ts'
import { environmentOf, runGatehouse } from '#support/command-line.ts'
import { availableDatabases, postgresAvailable } from '#support/databases.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { readRows } from '#surfaces/cli/read-rows.ts'

const password = 'correct horse battery staple'
const bcrypt = '$2b$04$N9qo8uLOickgx2ZMRZoMyeNK8zsWBMaMSVoubqovVQN3ypdVzHwOW'

describe.each(availableDatabases())('people from a file, on %s,', (database) => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database })
  })
  afterAll(() => gatehouse.stop())

  async function run(text: string, options: { dryRun?: boolean; createTeams?: boolean } = {}) {
    const bad: BadRow[] = []
    const counts = await importUsers(gatehouse.database.background, readRows(Readable.from([Buffer.from(text)])), {
      actor: { system: 'command_line' },
      createTeams: false,
      dryRun: false,
      ...options,
      onBadRow: (row) => bad.push(row),
    })
    return { ...counts, bad }
  }

  test('sign in with the password that they had, with what their teams may do', async () => {
    const file = `email,name,password_hash,organization,teams,admin,active
eve@acme.test,"Eve, née Adams",${bcrypt},acme,readers; Writers,false,true
eve@acme.test,,,globex,,yes,
`
    expect(await run(file)).toMatchObject({ rows: 2, users: 1, memberships: 2, teams: 0, skipped: 0, bad: [] })
    const eve = { email: 'eve@acme.test', password }
    const { access } = await newTokens(gatehouse, { ...eve, organization: 'acme' })
    const { json } = await call(gatehouse, '/v1/me', { headers: { authorization: `Bearer ${access}` } })
    expect(json).toMatchObject({ user: { name: 'Eve, née Adams', email: 'eve@acme.test' } })
    expect(JSON.stringify(json)).toContain('configuration-items:write')
    expect(await adminsOf('globex')).toContain('eve@acme.test')
    expect(await adminsOf('acme')).not.toContain('eve@acme.test')
  })

  test('come from NDJSON as well, and a file that says so switches them off', async () => {
    const lines = [
      { email: 'off@acme.test', password_hash: bcrypt, organization: 'acme', teams: ['readers'], active: false },
      { email: 'on@acme.test', password_hash: bcrypt, organization: 'acme', active: true },
      { email: 'alone@acme.test', name: null },
    ]
    const text = `\n${lines.map((line) => JSON.stringify(line)).join('\n')}`
    expect(await run(text)).toMatchObject({ rows: 3, users: 3, memberships: 2, bad: [] })
    expect(await authenticate(gatehouse, { email: 'off@acme.test', password })).toMatchObject({ status: 401 })
    expect(await authenticate(gatehouse, { email: 'on@acme.test', password })).toMatchObject({ status: 200 })
  })

  test('count as verified, and each is in the audit log as made by the command line', async () => {
    await run('email,organization\nseen@acme.test,acme\n')
    expect(await userOf('seen@acme.test')).toMatchObject({ emailVerifiedAt: expect.any(Date), passwordHash: null })
    const { rows } = await sql<{ entry: string }>`
      select actor_kind || ' ' || action as entry from audit_log where audit_log::text like '%seen@acme.test%'`.execute(
      gatehouse.database.db,
    )
    expect(rows.map(({ entry }) => entry).sort()).toEqual(['command_line member.added', 'command_line user.created'])
  })

  test('are not made again, nor is what they did undone', async () => {
    const file = (name: string) =>
      `email,name,password_hash,organization,teams,admin\nkept@acme.test,${name},${bcrypt},acme,readers,false\n`
    expect(await run(file('Before'))).toMatchObject({ users: 1, memberships: 1 })
    const before = await contents()
    expect(await run(file('After').replace('readers,false', 'writers,true').replace('kept', 'KEPT'))).toMatchObject({
      users: 0,
      memberships: 0,
      skipped: 1,
      bad: [],
    })
    expect(await contents()).toEqual(before)
  })

  test('who are there already become members, but not of an account whose address was never verified', async () => {
    const { db } = gatehouse.database
    await run('email\nknown@acme.test\n')
    await run('email\nunproven@acme.test\n')
    await db.updateTable('users').set({ emailVerifiedAt: null }).where('email', '=', 'unproven@acme.test').execute()
    const file = 'email,organization\nknown@acme.test,acme\nunproven@acme.test,acme\n'
    expect(await run(file)).toMatchObject({
      users: 0,
      memberships: 1,
      bad: [{ line: 3, reason: 'email: there is an account of this address, which was never verified' }],
    })
  })

  test('whose rows have mistakes are listed with line and reason, and the others made', async () => {
    const file = `email,name,password_hash,organization,teams,admin,active
first@acme.test,,,acme,,,
nonsense,,,,,,
other@acme.test,,${'5f4dcc3b5aa765d61d8327deb882cf99'},,,,
other@acme.test,,,nowhere,,,
other@acme.test,,,acme,reader,,
other@acme.test,,,,readers,,
other@acme.test,,,,,true,
other@acme.test,,,acme,,maybe,
other@acme.test,,,acme
"multi
line@acme.test",,,,,,
last@acme.test,,,acme,,,
`
    const before = await contents()
    const expected = [
      { line: 3, reason: 'email: must be an e-mail address' },
      { line: 4, reason: expect.stringMatching(/^password_hash: is no argon2, /) },
      { line: 5, reason: 'organization: there is none "nowhere"' },
      {
        line: 6,
        reason: 'teams: acme has no team "reader" (--create-teams makes it); did you mean `readers`?',
      },
      { line: 7, reason: 'teams: need an organization' },
      { line: 8, reason: 'admin: needs an organization' },
      { line: 9, reason: 'admin: must be true or false' },
      { line: 10, reason: 'has 4 columns where the first line names 7' },
      { line: 12, reason: 'email: must be an e-mail address' },
    ]
    expect((await run(file, { dryRun: true })).bad).toEqual(expected)
    expect(await contents()).toEqual(before)
    expect(await run(file)).toMatchObject({ rows: 11, users: 2, memberships: 2, bad: expected })
    expect(await userOf('other@acme.test')).toBeUndefined()
  })

  test('bring new teams along only where that was asked for, once and without grants', async () => {
    const file = 'email,organization,teams\none@acme.test,acme,New Team\ntwo@acme.test,acme,new team;readers\n'
    expect(await run(file)).toMatchObject({ users: 0, bad: [{ line: 2 }, { line: 3 }] })
    expect(await run(file, { createTeams: true, dryRun: true })).toMatchObject({ users: 2, teams: 1, bad: [] })
    expect(await run(file, { createTeams: true })).toMatchObject({ users: 2, teams: 1, bad: [] })
    const { rows } = await sql<{ members: number }>`
      select count(*)::int as members from team_members p join teams t on t.id = p.team_id
      where t.name = 'New Team' and t.permissions = '[]'`.execute(gatehouse.database.db)
    expect(rows).toEqual([{ members: 2 }])
  })

  test.each([
    ['a column that is not known', 'email,organisation\na@b.test,x\n', 'did you mean `organization`?'],
    ['no column email', 'name\nx\n', 'there is no column email'],
    ['a column twice', 'email,email\nx,y\n', 'a column is there twice'],
  ])('are not looked at where the file has %s', async (_name, file, message) => {
    await expect(run(file)).rejects.toThrow(message)
  })

  test('are told from what is no JSON, and from keys that nobody knows', async () => {
    const file = '{"email":"x@acme.test"}\n{"email":\n[1]\n{"email":"y@acme.test","roles":[]}\n{"name":"x"}\n'
    expect(await run(file)).toMatchObject({
      users: 1,
      bad: [
        { line: 2, reason: 'is not JSON' },
        { line: 3, reason: 'is no JSON object' },
        { line: 4, reason: '"roles" is no column that is known' },
        { line: 5, reason: 'email: is required' },
      ],
    })
  })

  test('are made up to a quote that is never closed', async () => {
    const file = 'email,name\nquoted@acme.test,x\nopen@acme.test,"x\n'
    expect(await run(file)).toMatchObject({
      users: 1,
      bad: [{ line: expect.any(Number), reason: expect.stringMatching(/^is not CSV, nor /) }],
    })
  })

  function userOf(email: string) {
    return gatehouse.database.db.selectFrom('users').selectAll().where('email', '=', email).executeTakeFirst()
  }

  async function adminsOf(slug: string): Promise<string[]> {
    const { rows } = await sql<{ email: string }>`
      select u.email from memberships m join users u on u.id = m.user_id join organizations o on o.id = m.organization_id
      where m.admin and o.slug = ${slug}`.execute(gatehouse.database.db)
    return rows.map(({ email }) => email)
  }

  /** Everything that an import may write. */
  async function contents(): Promise<unknown> {
    const { rows } = await sql`
      select (select json_agg(u order by id) from users u) as users, (select json_agg(m order by id) from memberships m) as memberships,
        (select json_agg(t order by id) from teams t) as teams, (select json_agg(p order by team_id, membership_id) from team_members p) as places,
        (select count(*) from audit_log) as audit`.execute(gatehouse.database.db)
    return rows
  }
})

describe.runIf(postgresAvailable())('beside a running server', () => {
  let gatehouse: Gatehouse
  let directory: string
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database: 'postgres' })
    directory = mkdtempSync(join(tmpdir(), 'gatehouse-import-'))
  })
  afterAll(async () => {
    rmSync(directory, { recursive: true })
    await gatehouse.stop()
  })

  test('the command says what it made, line by line what it did not, and ends with 1', async () => {
    const file = join(directory, 'people.csv')
    writeFileSync(file, 'email,organization\ncli@acme.test,acme\nnonsense,acme\n')
    expect(await runGatehouse(['import', 'users', file], environmentOf(gatehouse))).toEqual({
      status: 1,
      stdout: '2 rows: 1 user, 1 membership made; 0 were there already; 1 left out\n',
      stderr: `${file}:3: email: must be an e-mail address\n`,
    })
    const again = ['import', 'users', '-', '--json']
    const ran = await runGatehouse(again, environmentOf(gatehouse), { stdin: '{"email":"cli@acme.test"}\n' })
    expect(ran).toMatchObject({ status: 0, stderr: '' })
    expect(JSON.parse(ran.stdout)).toEqual({
      dry_run: false,
      rows: 1,
      users: 0,
      memberships: 0,
      teams: 0,
      skipped: 1,
      bad_rows: [],
    })
  })

  test('an import that is killed has made whole batches, and goes on where it stopped', async () => {
    const people = 12_000
    const file = join(directory, 'many.csv')
    const rows = Array.from({ length: people }, (_, index) => `person-${index}@many.test,acme,readers`)
    writeFileSync(file, `email,organization,teams\n${rows.join('\n')}\n`)
    const child = spawn(
      fileURLToPath(new URL('../../../node_modules/.bin/node', import.meta.url)),
      [fileURLToPath(new URL('../../../src/gatehouse.ts', import.meta.url)), 'import', 'users', file],
      { env: { PATH: process.env.PATH, ...environmentOf(gatehouse) }, stdio: 'inherit' },
    )
    while ((await imported()).users === 0) expect(child.exitCode).toBeNull()
    child.kill('SIGKILL')
    await once(child, 'exit')
    const { users, memberships, places } = await imported()
    expect(users).toBeLessThan(people)
    expect(users % 1_000).toBe(0)
    expect({ memberships, places }).toEqual({ memberships: users, places: users })

    const { stdout } = await runGatehouse(['import', 'users', file, '--json'], environmentOf(gatehouse))
    expect(JSON.parse(stdout)).toMatchObject({ rows: people, users: people - users, skipped: users, bad_rows: [] })
    expect(await imported()).toEqual({ users: people, memberships: people, places: people, authorized: people })
  })

  async function imported() {
    const { rows } = await sql<{ users: number; memberships: number; places: number; authorized: number }>`
      select count(u.id)::int as users, count(m.id)::int as memberships, count(p.membership_id)::int as places,
        count(*) filter (where m.effective_permissions::text like '%configuration-items:read%')::int as authorized
      from users u left join memberships m on m.user_id = u.id left join team_members p on p.membership_id = m.id
      where u.email like 'person-%@many.test'`.execute(gatehouse.database.db)
    return rows[0]!
  }
})
