import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'kysely'
import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { openDatabase } from '#foundation/database/database.ts'
import { availableDatabases, createTestDatabase, postgresAvailable, type TestDatabase } from '#support/databases.ts'
import { freePort } from '#support/free-port.ts'
import { setup } from '#support/gatehouse.ts'
import { asAdmin } from '#support/postgres-server.ts'
import { signIn } from '#support/relying-party.ts'
import { type ServerProcess, startProcess } from '#support/server-process.ts'

// A process takes seconds to start where other tests keep the processors busy.
vi.setConfig({ testTimeout: 120_000 })

let database: TestDatabase
let url: string
let server: ServerProcess
let environment: NodeJS.ProcessEnv

async function begin(kind: 'postgres' | 'embedded') {
  database = await createTestDatabase(kind)
  const port = await freePort()
  url = `http://localhost:${port}`
  mkdirSync(database.dataDir, { recursive: true })
  const GATEHOUSE_CONFIG = join(database.dataDir, 'gatehouse.yaml')
  writeFileSync(GATEHOUSE_CONFIG, setup)
  environment = {
    PORT: String(port),
    DATA_DIR: database.dataDir,
    GATEHOUSE_CONFIG,
    ...(database.databaseUrl && { DATABASE_URL: database.databaseUrl }),
  }
  await start()
}

async function start() {
  server = startProcess(environment)
  await server.printed(`gatehouse ready on ${url}`)
}

afterEach(async () => {
  await server.kill()
  await database.drop()
})

/** Of several grants. */
async function newRefreshTokens(count: number): Promise<string[]> {
  const { browser, tokens } = await signIn(url, { email: 'grace@globex.test' })
  const issued = [tokens.refresh_token!]
  while (issued.length < count) issued.push((await signIn(url, { browser })).tokens.refresh_token!)
  return issued
}

interface Tokens {
  access_token: string
  refresh_token: string
}

/** @returns undefined when the server ended under the request */
async function refresh(token: string): Promise<Tokens | undefined> {
  const body = new URLSearchParams({ grant_type: 'refresh_token', client_id: 'console', refresh_token: token })
  const response = await fetch(`${url}/oauth/token`, { method: 'POST', body }).catch(() => undefined)
  const text = await response?.text().catch(() => undefined)
  if (!response || text === undefined) return undefined
  expect([response.status, text]).toEqual([200, expect.any(String)])
  return JSON.parse(text)
}

test.each(availableDatabases())('kill -9 under refreshes leaves nothing half done, on %s', async (kind) => {
  await begin(kind)
  const tokens = await newRefreshTokens(12)
  let answered = 0
  /** The last token that a client has: the one that it asked with when it got no answer. */
  async function refreshUntilItIsGone(first: string): Promise<string> {
    for (let token = first; ; ) {
      const next = await refresh(token)
      if (!next) return token
      token = next.refresh_token
      if (++answered === 150) server.child.kill('SIGKILL')
    }
  }
  const held = await Promise.all(tokens.map(refreshUntilItIsGone))
  await server.ended
  expect(answered).toBeGreaterThanOrEqual(150)

  const opened = await openDatabase({ ...database, onError: () => {} })
  // One live refresh token of each grant; what was spent without having been answered has an answer that is kept.
  const { rows } = await sql<{ live: number; spent: number; access: number }>`select
    count(*) filter (where kind = 'refresh_token' and spent_at is null)::int as live,
    count(*) filter (where kind = 'refresh_token' and spent_at is not null)::int as spent,
    count(*) filter (where kind = 'access_token')::int as access
    from credentials where client_id = 'console' group by grant_id`.execute(opened.db)
  const kept = await opened.db.selectFrom('tokenAnswers').select('requestHash').execute()
  const logged = await opened.db
    .selectFrom('authenticationLog')
    .select('id')
    .where('credentialKind', '=', 'refresh_token')
    .where('outcome', '=', 'accepted')
    .execute()
  const spent = rows.reduce((sum, row) => sum + row.spent, 0)
  for (const row of rows) expect(row).toMatchObject({ live: 1, access: row.spent + 1 })
  expect(kept).toHaveLength(spent)
  expect(logged).toHaveLength(spent)
  // As long as the client's repeat takes, however long the process takes to start here.
  await sql`update token_answers set expires_at = now() + interval '1 hour'`.execute(opened.db)
  await opened.close()

  await start()
  for (const token of held) {
    const again = await refresh(token)
    expect((await refresh(again!.refresh_token))?.refresh_token).toBeDefined()
  }
})

describe.runIf(postgresAvailable())('a node that dies between the read and the write of a token request', () => {
  beforeEach(() => begin('postgres'))

  /** The write waits for the lock of a table that a read does not need. */
  async function dieBeforeTheWrite(token: string, { finishing }: { finishing: boolean }) {
    await asAdmin(database.databaseUrl!, async (holder) => {
      await holder.query('begin; lock table token_answers in exclusive mode')
      const unanswered = refresh(token)
      await asAdmin(database.databaseUrl!, async (observer) => {
        const [writer] = await waitingStatements(observer)
        server.child.kill('SIGKILL')
        await server.ended
        expect(await unanswered).toBeUndefined()
        if (!finishing) await observer.query('select pg_terminate_backend($1)', [writer])
        await holder.query('rollback')
        // PostgreSQL goes on with what it was given, or has forgotten it.
        while ((await backends(observer)).length > 0);
      })
    })
  }

  async function waitingStatements(client: pg.Client): Promise<number[]> {
    for (;;) {
      const { rows } = await client.query("select pid from pg_locks where not granted and locktype = 'relation'")
      if (rows.length > 0) return rows.map(({ pid }) => pid)
    }
  }

  async function backends(client: pg.Client): Promise<unknown[]> {
    const { rows } = await client.query(
      "select pid from pg_stat_activity where application_name = 'gatehouse' and datname = current_database()",
    )
    return rows
  }

  test.each([
    ['has done nothing', { finishing: false, spent: false }],
    ['or, when PostgreSQL goes on alone, can be asked again', { finishing: true, spent: true }],
  ])('%s', async (_, { finishing, spent }) => {
    const [token] = await newRefreshTokens(1)
    await dieBeforeTheWrite(token!, { finishing })
    const opened = await openDatabase({ ...database, onError: () => {} })
    const rows = await opened.db
      .selectFrom('credentials')
      .select('spentAt')
      .where('kind', '=', 'refresh_token')
      .execute()
    expect(rows.map(({ spentAt }) => spentAt !== null).sort()).toEqual(spent ? [false, true] : [false])
    await sql`update token_answers set expires_at = now() + interval '1 hour'`.execute(opened.db)
    await opened.close()

    await start()
    const again = await refresh(token!)
    expect(again?.refresh_token).toBeDefined()
    expect((await refresh(again!.refresh_token))?.access_token).toBeDefined()
  })
})
