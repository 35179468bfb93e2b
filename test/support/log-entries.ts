import { sql } from 'kysely'
import { entriesFrom, useColumns } from '#credentials/log/entries-from.ts'
import type { Database, Queryable } from '#foundation/database/database.ts'

export interface NewEntry {
  userId: string | null
  organizationId: string | null
  occurredAt?: Date
  outcome?: 'accepted' | 'refused'
  reason?: string | null
  credentialId?: string | null
  credentialKind?: string
  clientId?: string
  ip?: string | null
  userAgent?: string
  path?: string
}

const usual = {
  outcome: 'accepted',
  reason: null,
  credentialName: null,
  credentialId: null,
  credentialKind: 'access_token',
  via: 'bearer',
  userEmail: 'somebody@example.test',
  clientId: null,
  resourceServer: null,
  ip: '203.0.113.9',
  userAgent: null,
  method: 'GET',
  path: '/items',
} as const

/** Writes entries as if they had been used, each by itself. */
export async function writeEntries({ database }: { database: Pick<Database, 'db'> }, entries: NewEntry[]) {
  for (let start = 0; start < entries.length; start += 500) {
    const rows = entries.slice(start, start + 500).map((entry) => ({ ...usual, ...entry }))
    await database.db.insertInto('authenticationLog').values(rows).execute()
  }
}

/** Writes entries as one statement logs them: at this moment. */
export async function writeBatch(db: Queryable, entries: Omit<NewEntry, 'occurredAt'>[]): Promise<void> {
  const rows = entries.map((entry) =>
    Object.fromEntries(Object.entries({ ...usual, ...entry }).map(([name, value]) => [snakeCase(name), value])),
  )
  const columns = sql.raw(useColumns.map((column) => `${column} text`).join(', '))
  await sql`with uses as (select * from json_to_recordset(${JSON.stringify(rows)}::json) as uses (${columns}))
    ${sql.raw(entriesFrom('uses'))}`.execute(db)
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
