import { type RawBuilder, sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'
import {
  atOfEntry,
  between,
  beyond,
  eachPage,
  newestFirst,
  type Period,
  readAlongIndexes,
} from '#foundation/database/log-walk.ts'
import type { Position } from '#foundation/http/list.ts'

/** Which entries. */
export interface AuditFilter extends Period {
  /** Undefined: every organization's and the deployment's; null: the deployment's alone. */
  organizationId: string | null | undefined
  /** Id of a person, API key or connection; of what has none, its kind (`setup_file`). A person's keys are included. */
  actor?: string | undefined
  action?: string | undefined
  /** Id of what was changed, or its name where it has no id. */
  subject?: string | undefined
}

/** One change. */
export interface AuditRow {
  id: number
  /** ISO 8601 with microseconds, by which entries are ordered. */
  at: string
  actorKind: string
  actorId: string | null
  actorName: string
  ownerId: string | null
  ownerName: string | null
  via: string
  action: string
  subjectKind: string
  subjectId: string | null
  subjectName: string
  organizationId: string | null
  before: Record<string, unknown> | null
  after: Record<string, unknown> | null
  ip: string | null
  requestId: string | null
  /** Hexadecimal. */
  hash: string
}

/** Entries, newest first, from a position on: each filter is a walk along its index. */
export function listAuditEntries(
  db: Queryable,
  filter: AuditFilter,
  { limit, cursor }: { limit: number; cursor?: Position | undefined },
): Promise<AuditRow[]> {
  const walks = actorsOf(filter).map((actor) => {
    const conditions = sql.join(
      [...organizationOf(filter), ...actor, ...aboutOf(filter), ...between(filter), ...beyond(cursor), sql`true`],
      sql` and `,
    )
    return sql`(select * from audit_log where ${conditions} ${newestFirst} limit ${limit})`
  })
  return readAlongIndexes(
    db,
    sql<AuditRow>`select ${columns} from (${sql.join(walks, sql` union all `)}) as walks ${newestFirst} limit ${limit}`,
  )
}

/** All entries, a page at a time. */
export function eachAuditPage(db: Queryable, filter: AuditFilter): AsyncGenerator<AuditRow[]> {
  return eachPage((page) => listAuditEntries(db, filter, page))
}

/** A person acts by themselves and by their keys: a walk for each. */
function actorsOf({ actor }: AuditFilter): RawBuilder<unknown>[][] {
  if (actor === undefined) return [[]]
  return [[sql`coalesce(actor_id, actor_kind) = ${actor}`], [sql`owner_id = ${actor}`]]
}

function organizationOf({ organizationId }: AuditFilter): RawBuilder<unknown>[] {
  if (organizationId === undefined) return []
  return [organizationId === null ? sql`organization_id is null` : sql`organization_id = ${organizationId}`]
}

function aboutOf({ action, subject }: AuditFilter): RawBuilder<unknown>[] {
  return [
    ...(action === undefined ? [] : [sql`action = ${action}`]),
    ...(subject === undefined ? [] : [sql`coalesce(subject_id, subject_name) = ${subject}`]),
  ]
}

const columns = sql`id, ${atOfEntry}, actor_kind, actor_id, actor_name, owner_id, owner_name, via, action, subject_kind,
  subject_id, subject_name, organization_id, before, after, ip, request_id, encode(hash, 'hex') as hash`
