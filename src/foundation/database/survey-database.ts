import { sql } from 'kysely'
import type { Queryable } from './database.ts'
import { listPendingMigrations } from './migrate.ts'

/** A database as `doctor` looks at it. */
export interface DatabaseSurvey {
  /** `17.2` */
  version: string
  major: number
  /** Of a statement that does nothing: the middle one of five. */
  latencyMs: number
  /** How far its clock is ahead of this machine's; negative: behind. */
  clockAheadMs: number
  pendingMigrations: string[]
}

/** Looks at a database without changing it. @throws StoreAwayError where there is no answer */
export async function surveyDatabase(db: Queryable): Promise<DatabaseSurvey> {
  const { rows } = await sql<{ version: string; number: string }>`
    select current_setting('server_version') as version, current_setting('server_version_num') as number`.execute(db)
  const answers: { took: number; ahead: number }[] = []
  for (let index = 0; index < 5; index++) answers.push(await askTheTime(db))
  const [quickest, , middle] = answers.sort((one, other) => one.took - other.took)
  return {
    version: rows[0]!.version.split(' ')[0]!,
    major: Math.floor(Number(rows[0]!.number) / 10_000),
    latencyMs: middle!.took,
    clockAheadMs: quickest!.ahead,
    pendingMigrations: await listPendingMigrations(db),
  }
}

/** Compared with the middle of the time that the answer took. */
async function askTheTime(db: Queryable) {
  const startedAt = Date.now()
  const begun = performance.now()
  const { rows } = await sql<{ ms: number }>`
    select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`.execute(db)
  const took = performance.now() - begun
  return { took, ahead: Number(rows[0]!.ms) - (startedAt + took / 2) }
}
