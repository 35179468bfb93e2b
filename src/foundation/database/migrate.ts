import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { sql } from 'kysely'
import type { Queryable } from './database.ts'
import { lock } from './locks.ts'

const migrations = new URL('./migrations/', import.meta.url)

/**
 * Applies the numbered files of `migrations/` that this database has not seen, all in one transaction under a lock, so
 * that any number of nodes may start at once. A released file never changes: a changed one is refused.
 * @param directory of the files; for tests
 */
export async function migrate(db: Queryable, directory = migrations): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await lock(tx, 'migrations')
    await sql`create table if not exists migrations (
      name text primary key, checksum text not null, applied_at timestamptz not null default now())`.execute(tx)
    const applied = await sql<{ name: string; checksum: string }>`select name, checksum from migrations`.execute(tx)
    const checksums = new Map(applied.rows.map((row) => [row.name, row.checksum]))
    for (const name of migrationNames(directory)) {
      const text = readFileSync(new URL(name, directory), 'utf8')
      const checksum = createHash('sha256').update(text).digest('hex')
      const known = checksums.get(name)
      if (known === checksum) continue
      if (known) throw new Error(`migration ${name} was changed after it was applied to this database`)
      // Without values it goes by the simple protocol: the database itself finds where a statement ends.
      await sql.raw(text).execute(tx)
      await sql`insert into migrations (name, checksum) values (${name}, ${checksum})`.execute(tx)
    }
  })
}

/** The migrations that `migrate` would apply. Looking changes nothing. */
export async function listPendingMigrations(db: Queryable): Promise<string[]> {
  const { rows: tables } = await sql<{ known: boolean }>`select to_regclass('migrations') is not null as known`.execute(
    db,
  )
  const { rows } = tables[0]?.known
    ? await sql<{ name: string }>`select name from migrations`.execute(db)
    : { rows: [] }
  const applied = new Set(rows.map((row) => row.name))
  return migrationNames(migrations).filter((name) => !applied.has(name))
}

function migrationNames(directory: URL): string[] {
  return readdirSync(directory)
    .filter((name) => /^\d{4}-.*\.sql$/.test(name))
    .sort()
}
