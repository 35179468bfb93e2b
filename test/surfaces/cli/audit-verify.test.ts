import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RawBuilder, sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase } from '#foundation/database/database.ts'
import { runGatehouse } from '#support/command-line.ts'
import { createTestDatabase, type TestDatabase } from '#support/databases.ts'

let database: TestDatabase
let directory: string
beforeAll(async () => {
  database = await createTestDatabase('embedded')
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-audit-'))
  const file = join(directory, 'gatehouse.yaml')
  writeFileSync(file, 'organizations: [{ slug: acme, teams: [{ name: readers }, { name: writers }] }]\n')
  expect(await run('apply', '-f', file)).toMatchObject({ status: 0 })
})
afterAll(async () => {
  rmSync(directory, { recursive: true })
  await database.drop()
})

const run = (...args: string[]) => runGatehouse(args, { DATA_DIR: database.dataDir })

async function change(statement: RawBuilder<unknown>): Promise<void> {
  const opened = await openDatabase({ ...database, onError: console.error })
  await statement.execute(opened.db)
  await opened.close()
}

test('audit verify prints every chain with its head, and ends with 0 while all fits', async () => {
  const { status, stdout } = await run('audit', 'verify')
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^ok acme: 3 entries; head 3 [0-9a-f]{64}\n$/)])
  const { stdout: json } = await run('audit', 'verify', '--json')
  expect(JSON.parse(json)).toMatchObject({
    intact: true,
    chains: [{ organization: { slug: 'acme' }, entries: 3, from: 1, head: { number: 3 }, problem: null }],
  })
})

test('what the setup file changed by this command says so', async () => {
  const opened = await openDatabase({ ...database, onError: console.error })
  const log = await opened.db.selectFrom('auditLog').select(['actorKind', 'actorName', 'via']).distinct().execute()
  await opened.close()
  expect(log).toEqual([{ actorKind: 'setup_file', actorName: 'apply', via: 'command_line' }])
})

test('the first entry that does not fit is named, with status 1', async () => {
  await change(sql`delete from audit_log where seq = 3`)
  expect(await run('audit', 'verify')).toEqual({
    status: 1,
    stdout: 'BROKEN acme: entry 3 is missing, at the end\n',
    stderr: '1 of 1 chains are broken.\n',
  })
  await change(sql`update audit_log set after = '{"name": "forged"}' where seq = 2`)
  expect(await run('audit', 'verify')).toMatchObject({ status: 1, stdout: expect.stringContaining('entry 2 is not') })
  const { status, stdout } = await run('audit', 'verify', '--json')
  expect([status, JSON.parse(stdout)]).toMatchObject([
    1,
    { intact: false, chains: [{ problem: { kind: 'changed', number: 2 } }] },
  ])
})
