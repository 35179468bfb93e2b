import { type Queryable, toJson } from '#foundation/database/database.ts'

/** Who changed something: a person, or by its name what acts when no person does, such as `setup:boot`. */
export type AuditActor = { user: { id: string } } | { system: string }

/** One administrative change. `before` and `after` hold what changed, never a secret. */
export interface AuditEvent {
  actor: AuditActor
  /** `subject.verb`, as in `team.updated`. */
  action: `${string}.${string}`
  /** What a person calls it: `team acme/readers`, `user ada@acme.test`. */
  subject: string
  organizationId?: string | null
  before?: Record<string, unknown>
  after?: Record<string, unknown>
}

/** Written in the transaction of the change itself: the one is never there without the other. */
export function recordAuditEvent(tx: Queryable, event: AuditEvent): Promise<void> {
  return recordAuditEvents(tx, [event])
}

/** The same for many changes of one transaction, in one statement. */
export async function recordAuditEvents(tx: Queryable, events: readonly AuditEvent[]): Promise<void> {
  if (events.length === 0) return
  await tx
    .insertInto('auditLog')
    .values(
      events.map(({ actor, before, after, organizationId = null, ...event }) => ({
        ...event,
        actor: 'system' in actor ? actor.system : actor.user.id,
        organizationId,
        before: before && toJson(before),
        after: after && toJson(after),
      })),
    )
    .execute()
}
