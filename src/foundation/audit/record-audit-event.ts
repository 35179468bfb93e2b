import { type Queryable, toJson } from '#foundation/database/database.ts'
import { currentOrigin } from './origin.ts'

/**
 * Who changed something: a person, by themselves or by an API key of theirs, or what acts when no person does, such as
 * a setup file or the command line.
 */
export type AuditActor =
  | { user: { id: string; email: string }; apiKey?: { id: string; name: string } | undefined }
  | { system: string; id?: string; name?: string }

/** What was changed, under the name that it had then: an entry outlives what it names. */
export interface AuditSubject {
  /** `team`, `member`, `api_key` */
  kind: string
  /** Null where it has none of its own. Of a member it is the user's, of a client its client_id. */
  id: string | null
  /** As people call it inside its organization: a team's name, an e-mail address. */
  name: string
}

/** One administrative change. `before` and `after` hold what changed, never a secret. */
export interface AuditEvent {
  actor: AuditActor
  /** `noun.past-participle`, as in `team.updated`. */
  action: `${string}.${string}`
  subject: AuditSubject
  /** Whose administrators read of it; null or absent: the deployment's. */
  organizationId?: string | null
  before?: Record<string, unknown> | undefined
  after?: Record<string, unknown> | undefined
}

/** Written in the transaction of the change itself: the one is never there without the other. */
export function recordAuditEvent(tx: Queryable, event: AuditEvent): Promise<void> {
  return recordAuditEvents(tx, [event])
}

/** The same for many changes of one transaction, in one statement. */
export async function recordAuditEvents(tx: Queryable, events: readonly AuditEvent[]): Promise<void> {
  if (events.length === 0) return
  const { via, ip, requestId } = currentOrigin()
  await tx
    .insertInto('auditLog')
    .values(
      events.map(({ actor, action, subject, organizationId = null, before, after }) => ({
        ...actorColumns(actor),
        via,
        action,
        subjectKind: subject.kind,
        subjectId: subject.id,
        subjectName: subject.name,
        organizationId,
        before: before && toJson(before),
        after: after && toJson(after),
        ip,
        requestId,
      })),
    )
    .execute()
}

function actorColumns(actor: AuditActor) {
  if ('system' in actor) {
    const { system, id = null, name = system.replaceAll('_', ' ') } = actor
    return { actorKind: system, actorId: id, actorName: name, ownerId: null, ownerName: null }
  }
  const { user, apiKey } = actor
  if (!apiKey) return { actorKind: 'user', actorId: user.id, actorName: user.email, ownerId: null, ownerName: null }
  return {
    actorKind: 'api_key',
    actorId: apiKey.id,
    actorName: apiKey.name,
    ownerId: user.id,
    ownerName: user.email,
  }
}
