import { isDeepStrictEqual } from 'node:util'
import type { AuditEvent } from '#foundation/audit/record-audit-event.ts'
import type { SetupWrites } from './setup-writes.ts'

/** What changes about one object, under the file's own names and without secrets. */
export type Fields = Record<string, unknown>

/** One object that the file makes, changes or removes. */
export interface Change {
  action: 'create' | 'update' | 'delete'
  /** `team acme/readers` */
  subject: string
  /** Of an update only the fields that differ; absent for a creation. */
  before?: Fields
  /** Of an update only the fields that differ; absent for a removal. */
  after?: Fields
}

/** The changes in the order of the file, who else must know of them, and the rows that make them true. */
export interface SetupPlan {
  changes: Change[]
  /** One for each change, in the same order; without actor. */
  events: Omit<AuditEvent, 'actor'>[]
  writes: SetupWrites
}

/** What a change is about: its kind, as audit events call it, and what a person calls it. */
export interface Subject {
  kind: 'permission' | 'user' | 'organization' | 'team' | 'membership' | 'client' | 'connection'
  name: string
  organizationId?: string | null
}

const verbs = { create: 'created', update: 'updated', delete: 'deleted' } as const

/** Notes the difference between what is and what should be, either of which may not exist. @returns the action, if any */
export function noteChange(
  plan: SetupPlan,
  subject: Subject,
  before: Fields | undefined,
  after: Fields | undefined,
): Change['action'] | undefined {
  const change = difference(subject.name, before, after)
  if (!change) return undefined
  plan.changes.push(change)
  plan.events.push({
    action: `${subject.kind}.${verbs[change.action]}`,
    subject: subject.name,
    organizationId: subject.organizationId ?? null,
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
