import type { FirebaseParameters } from '#authentication/passwords/imported-hash.ts'
import { rewriteEffectiveAuthorization } from '#directory/access/effective-authorization.ts'
import { changeTeamMembers, insertTeams } from '#directory/access/save-team.ts'
import { insertMemberships } from '#directory/organizations/save-membership.ts'
import type { Operator } from '#directory/users/actor.ts'
import { insertUsers } from '#directory/users/save-user.ts'
import { recordAuditEvents } from '#foundation/audit/record-audit-event.ts'
import { violates } from '#foundation/database/constraint.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { type BadRow, checkRow, type FileRow, type ImportRow } from './import-row.ts'
import { type ImportPlan, planImport } from './plan-import.ts'

/** Rows in one transaction: what is lost, and done again, when the import is killed. */
const batchSize = 1_000

/** How far an import is. */
export interface ImportCounts {
  /** Rows looked at. */
  rows: number
  /** Accounts that were made. */
  users: number
  /** Memberships that were made. */
  memberships: number
  teams: number
  /** Rows whose account, and membership if they name one, had been there already. */
  skipped: number
  bad: number
}

export interface ImportOptions {
  actor: Operator
  firebase?: FirebaseParameters | undefined
  /** Teams that an organization lacks are made, without grants, instead of being a mistake. */
  createTeams: boolean
  /** Nothing is written. */
  dryRun: boolean
  onBadRow: (row: BadRow) => void
  /** After each batch. */
  onProgress?: (counts: Readonly<ImportCounts>) => void
}

/**
 * Makes people, their memberships and their places in teams of the rows of a file, a thousand at a time, each thousand
 * whole or not at all. An account or membership that is there stays as it is: a second time the same file changes nothing, and what
 * people did is never undone by it; so an import that was cut off is taken up by starting it again. A row with a mistake
 * is told of and left out. The operator vouches for the addresses.
 */
export async function importUsers(
  db: Queryable,
  rows: AsyncIterable<FileRow>,
  options: ImportOptions,
): Promise<ImportCounts> {
  const counts: ImportCounts = { rows: 0, users: 0, memberships: 0, teams: 0, skipped: 0, bad: 0 }
  for await (const batch of inBatches(rows)) {
    const good: ImportRow[] = []
    const bad: BadRow[] = []
    for (const file of batch) {
      const checked = checkRow(file, options)
      if ('row' in checked) good.push(checked.row)
      else bad.push(checked.bad)
    }
    const plan = await importBatch(db, good, options)
    const told = [...bad, ...plan.bad].sort((one, other) => one.line - other.line)
    for (const row of told) options.onBadRow(row)
    counts.rows += batch.length
    counts.bad += told.length
    counts.skipped += plan.skipped
    counts.users += plan.users.length
    counts.memberships += plan.memberships.length
    counts.teams += plan.teams.length
    options.onProgress?.(counts)
  }
  return counts
}

/** What a batch took for granted, and somebody else has made meanwhile. */
const races = ['users_email_unique', 'memberships_user_unique', 'teams_name_unique']

async function importBatch(db: Queryable, rows: readonly ImportRow[], options: ImportOptions): Promise<ImportPlan> {
  for (let triesLeft = 3; ; triesLeft--) {
    try {
      return await inTransaction(db, async (tx) => {
        const plan = await planImport(tx, rows, options)
        if (!options.dryRun) await write(tx, plan, options)
        return plan
      })
    } catch (error) {
      if (triesLeft === 0 || !races.some((constraint) => violates(error, constraint))) throw error
    }
  }
}

async function write(tx: Queryable, plan: ImportPlan, { actor }: ImportOptions): Promise<void> {
  await insertUsers(tx, plan.users)
  await insertTeams(tx, plan.teams)
  await insertMemberships(tx, plan.memberships)
  for (const [organizationId, join] of Map.groupBy(plan.places, (place) => place.organizationId)) {
    await changeTeamMembers(tx, organizationId, { join })
    const members = [...new Set(join.map(({ membershipId }) => membershipId))].sort()
    await rewriteEffectiveAuthorization(tx, organizationId, members)
  }
  await recordAuditEvents(
    tx,
    plan.events.map((event) => ({ ...event, actor })),
  )
}

async function* inBatches(rows: AsyncIterable<FileRow>): AsyncGenerator<FileRow[]> {
  let batch: FileRow[] = []
  for await (const row of rows) {
    batch.push(row)
    if (batch.length < batchSize) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
