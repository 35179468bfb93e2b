import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase } from '#foundation/database/database.ts'
import { type Ran, runGatehouse } from '#support/command-line.ts'
import { createTestDatabase, type TestDatabase } from '#support/databases.ts'
import { describeChange } from '#surfaces/cli/describe-changes.ts'

const gatehouse = new URL('../../../src/gatehouse.ts', import.meta.url).pathname

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))

let database: TestDatabase
let directory: string
let file: string
beforeAll(async () => {
  database = await createTestDatabase('embedded')
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-setup-'))
  file = join(directory, 'gatehouse.yaml')
})
afterAll(async () => {
  rmSync(directory, { recursive: true })
  await database.drop()
})

test('plan, apply and apply again say what would be, what is and that nothing is to do', async () => {
  const connection = '{ name: x, type: github, client_id: a, client_secret: hunter2 }'
  writeFileSync(file, `permissions: [{ name: items:read }]\nconnections: [${connection}]\n`)
  const callback = '@ connection x  callback_url: http://localhost:3000/connections/x/callback\n'
  const changes = `+ create permission items:read\n+ create connection x\n${callback}`
  expect(await run(['plan', '-f', file])).toEqual({ status: 0, stdout: changes, stderr: '' })
  expect(await run(['apply', '-f', file])).toEqual({ status: 0, stdout: changes, stderr: '' })
  // The second run is a process of its own, which finds the keys of the first one beside the data.
  expect(await runProgram(['apply', '--file', file])).toEqual({ status: 0, stdout: 'No changes.\n', stderr: '' })
  expect(await run(['plan', '-f', file])).toEqual({ status: 0, stdout: `No changes.\n${callback}`, stderr: '' })
})

test('plan makes neither a directory nor a table nor a key, and says what is missing', async () => {
  writeFileSync(file, 'permissions: [{ name: items:read }]\n')
  const DATA_DIR = join(directory, 'data')
  expect(await run(['plan', '-f', file], { DATA_DIR })).toEqual({
    status: 1,
    stdout: '',
    stderr: `there is no database in ${DATA_DIR} yet: apply, or a first start, makes it\n`,
  })
  expect(existsSync(DATA_DIR)).toBe(false)

  await (await openDatabase({ databaseUrl: undefined, dataDir: DATA_DIR, onError: console.error })).close()
  expect(await run(['plan', '-f', file], { DATA_DIR })).toEqual({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(/^the database lacks 0001-[^\n]*: apply, or a start, migrates it\n$/),
  })
  const unchanged = await openDatabase({ databaseUrl: undefined, dataDir: DATA_DIR, onError: console.error })
  const { rows } = await sql`select count(*) as tables from pg_tables where schemaname = 'public'`.execute(unchanged.db)
  await unchanged.close()
  expect(rows).toEqual([{ tables: 0 }])
  expect(existsSync(join(DATA_DIR, 'encryption-keys'))).toBe(false)
})

test('secrets come from the environment', async () => {
  writeFileSync(file, 'users: [{ email: ada@acme.test, password_env: ADA_PASSWORD }]\n')
  expect(await run(['apply', '-f', file])).toMatchObject({
    status: 1,
    stderr: `${file}:1:47 users[0].password_env: the environment variable ADA_PASSWORD is not set\n`,
  })
  expect(await run(['apply', '-f', file], { ADA_PASSWORD: 'password-of-ada' })).toMatchObject({ status: 0 })
})

test('every problem is one line on stderr', async () => {
  writeFileSync(file, 'surprise: 1\nusers: [{ email: Ada }]\n')
  expect(await run(['plan', '-f', file])).toEqual({
    status: 1,
    stdout: '',
    stderr: `${file}:1:1 surprise: is not a known key\n${file}:2:18 users[0].email: must be an e-mail address\n`,
  })
  expect(await run(['apply', '-f', join(directory, 'none.yaml')])).toMatchObject({
    status: 1,
    stderr: `${directory}/none.yaml:1:1 cannot be read (ENOENT)\n`,
  })
})

test('an environment that cannot be used is named, with status 2', async () => {
  writeFileSync(file, '')
  expect(await run(['plan', '-f', file], { PORT: 'many' })).toEqual({
    status: 2,
    stdout: '',
    stderr: 'PORT: must be a number from 1 to 65535\n',
  })
})

test('a database that does not answer is one line', async () => {
  writeFileSync(file, '')
  const outcome = await run(['plan', '-f', file], { DATABASE_URL: 'postgres://ada:hunter2@127.0.0.1:1/gatehouse' })
  expect(outcome).toEqual({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(/^the database: .*ECONNREFUSED.*\n$/),
  })
  expect(outcome.stderr).not.toContain('hunter2')
})

test('a directory that a running server holds is refused', async () => {
  writeFileSync(file, '')
  const held = await openDatabase({ databaseUrl: undefined, dataDir: database.dataDir, onError: console.error })
  expect(await run(['apply', '-f', file])).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^\S+ is in use by another Gatehouse process; .*\n$/),
  })
  await held.close()
})

test('help says what there is, with examples', async () => {
  for (const ask of [['--help'], ['-h'], ['help']]) {
    const { status, stdout, stderr } = await run(ask)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/plan .*print what apply would change.*apply .*make the database/s)
    expect(stdout).toContain('Exit status: 0 done, 1 refused')
  }
  for (const ask of [
    ['apply', '--help'],
    ['help', 'apply'],
  ]) {
    expect(await run(ask)).toMatchObject({
      status: 0,
      stderr: '',
      stdout: expect.stringContaining('Usage: gatehouse apply'),
    })
  }
})

test.each([
  { words: [], says: 'gatehouse: which command? There are: ' },
  { words: ['aply', '-f', 'gatehouse.yaml'], says: "unknown command 'aply'\n(Did you mean apply?)\n" },
  { words: ['apply'], says: '--file: is required\n' },
  { words: ['apply', '-f'], says: 'argument missing' },
  { words: ['apply', '-f', 'gatehouse.yaml', 'another.yaml'], says: 'too many arguments' },
  { words: ['plan', '--fil', 'gatehouse.yaml'], says: "unknown option '--fil'\n(Did you mean --file?)\n" },
  { words: ['keys'], says: 'gatehouse keys: which command? There are: list, rotate' },
  { words: ['keys', 'rotat'], says: '(Did you mean rotate?)' },
  { words: ['keys', 'rotate', '-f', 'gatehouse.yaml'], says: "unknown option '-f'" },
  { words: ['scan-keys'], says: "missing required argument 'path'" },
])('wrong usage ($words) is told on stderr, with status 2', async ({ words, says }) => {
  const { status, stdout, stderr } = await run(words)
  expect([status, stdout]).toEqual([2, ''])
  expect(stderr).toContain(says)
  expect(stderr).toMatch(/\n\nUsage: gatehouse .*\n/)
})

test('the program itself tells of mistakes by its exit status, and which version it is', {
  timeout: 120_000,
}, async () => {
  expect(await runProgram(['plan', '--json'])).toEqual({
    status: 2,
    stdout: '',
    stderr: `${JSON.stringify({ type: 'about:blank', title: 'Wrong usage', detail: '--file: is required', code: 'wrong_usage' })}\n`,
  })
  expect(await runProgram(['--version'])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' })
})

test('with --json the answer is one document, and a refusal is problem details on stderr', async () => {
  writeFileSync(file, 'permissions: [{ name: reports:write }]\n')
  const planned = await run(['plan', '-f', file, '--json'])
  expect([planned.status, planned.stderr]).toEqual([0, ''])
  expect(JSON.parse(planned.stdout)).toMatchObject({
    changes: [{ action: 'create', subject: 'permission reports:write' }],
    notices: [],
    callbacks: [],
  })
  const refusals = [
    { words: ['plan', '--json'], status: 2, problem: { code: 'wrong_usage', detail: '--file: is required' } },
    { words: ['plan', '-f', `${file}.none`, '--json'], status: 1, problem: { code: 'validation_failed' } },
  ]
  for (const { words, status, problem } of refusals) {
    const refused = await run(words)
    expect([refused.status, refused.stdout]).toEqual([status, ''])
    expect(JSON.parse(refused.stderr)).toMatchObject({ title: expect.any(String), ...problem })
  }
})

test('changes are readable and cannot move a terminal', () => {
  const before = { permissions: ['items:read'], data_scopes: [{ source: 'ceph', scope_id: null }] }
  const after = { permissions: [], data_scopes: [{ source: '\u001b[2J', scope_id: null }] }
  expect(describeChange({ action: 'update', subject: 'team acme/readers', before, after })).toBe(
    '~ update team acme/readers  permissions: [items:read] → []; ' +
      'data_scopes: [{ source: ceph, scope_id: null }] → [{ source: "\\u001b[2J", scope_id: null }]',
  )
  expect(describeChange({ action: 'delete', subject: 'team acme/readers', before })).toBe('- delete team acme/readers')
})

function run(commandLine: string[], environment: NodeJS.ProcessEnv = {}): Promise<Ran> {
  return runGatehouse(commandLine, { DATA_DIR: database.dataDir, ...environment })
}

/** The program itself, as an operator's shell runs it. */
function runProgram(commandLine: string[]): Promise<Ran> {
  const env = { PATH: process.env.PATH, DATA_DIR: database.dataDir }
  return new Promise((resolve) => {
    execFile(process.execPath, [gatehouse, ...commandLine], { env }, (error, stdout, stderr) =>
      resolve({ status: error ? Number(error.code) : 0, stdout, stderr }),
    )
  })
}
