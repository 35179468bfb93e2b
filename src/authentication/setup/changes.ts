import { isDeepStrictEqual } from 'node:util'
import type { AuditEvent, AuditSubject } from '#foundation/audit/record-audit-event.ts'
import type { SetupProblem } from './setup-error.ts'
import type { SetupWrites } from './setup-writes.ts'

/** What changes about one object, under the file's own names and without secrets. */
export type Fields = Record<string, unknown>

/** One object that the file makes, takes over, changes or removes. */
export interface Change {
  action: 'create' | 'adopt' | 'update' | 'delete'
  /** `team acme/readers` */
  subject: string
  /** Of an update only the fields that differ; absent for a creation. */
  before?: Fields
  /** Of an update only the fields that differ; absent for a removal. */
  after?: Fields
}

/** A connection of the file and where its provider sends people back to. */
export interface PlannedCallback {
  /** `connection acme/acme-okta` */
  subject: string
  connectionId: string
  /** What stands in its addresses; null: the id that it gets once it is made. */
  handle: string | null
}

/** What a setup changes, and what it leaves as it is although the file says otherwise. */
export interface SetupOutcome {
  /** In the order of the file. */
  changes: Change[]
  /** Each says what to do. */
  notices: SetupProblem[]
  /** Of every connection that is the file's, changed or not. */
  callbacks: PlannedCallback[]
}

/** The outcome, who else must know of it, and the rows that make it true. */
export interface SetupPlan extends SetupOutcome {
  /** One for each change, in the same order; without actor. */
  events: Omit<AuditEvent, 'actor'>[]
  writes: SetupWrites
}

/** What a change is about, as audit events call it, and as the operator reads it. */
export interface Subject extends AuditSubject {
  kind: 'permission' | 'user' | 'organization' | 'team' | 'member' | 'client' | 'connection'
  id: string
  /** `team acme/readers` */
  title: string
  organizationId?: string | null
}

const verbs = { create: 'created', adopt: 'adopted', update: 'updated', delete: 'deleted' }
const verbsOfMembers = { ...verbs, create: 'added', delete: 'removed' }

/**
 * Notes the difference between what is and what should be, either of which may not exist.
 * @param adopted it was not the file's until now, which is a change in itself
 * @returns the action, if any
 */
export function noteChange(
  plan: SetupPlan,
  subject: Subject,
  before: Fields | undefined,
  after: Fields | undefined,
  adopted = false,
): Change['action'] | undefined {
  const found = difference(subject.title, before, after)
  const change: Change | undefined = adopted
    ? { before: {}, after: {}, ...found, action: 'adopt', subject: subject.title }
    : found
  if (!change) return undefined
  plan.changes.push(change)
  const { kind, id, name, organizationId = null } = subject
  plan.events.push({
    action: `${kind}.${(kind === 'member' ? verbsOfMembers : verbs)[change.action]}`,
    subject: { kind, id, name },
    organizationId,
    before: change.before,
    after: change.after,
  })
  return change.action
}

function difference(subject: string, before: Fields | undefined, after: Fields | undefined): Change | undefined {
  if (!before) return after && { action: 'create', subject, after }
  if (!after) return { action: 'delete', subject, before }
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  const differing = [...names].filter((name) => !isDeepStrictEqual(before[name], after[name]))
  if (differing.length === 0) return undefined
  const of = (fields: Fields) => Object.fromEntries(differing.map((name) => [name, fields[name] ?? null]))
  return { action: 'update', subject, before: of(before), after: of(after) }
}

/** Only what differs: a moment such as `deactivatedAt` is not set again. */
export function changesOf<T extends object>(before: T | undefined, after: T): Partial<T> {
  if (!before) return after
  const differing = Object.entries(after).filter(([name, value]) => before[name as keyof T] !== value)
  return Object.fromEntries(differing) as Partial<T>
}
