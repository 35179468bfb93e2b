import { type RawBuilder, sql } from 'kysely'
import { between, beyond, type Period } from '#foundation/database/log-walk.ts'
import type { Position } from '#foundation/http/list.ts'

/** Whose entries: each kind of subject is found by its own hash, and counted by day. */
export type Subject =
  | { of: 'organization'; organizationId: string }
  /** In one organization, or (null) before an organization was chosen. */
  | { of: 'person'; userId: string; organizationId: string | null }
  | { of: 'api key'; apiKeyId: string; organizationId: string; userId?: string | undefined }

/** Every entry of the deployment; or what has no owner, summed up in `unknown_uses`. */
export interface Whole {
  of: 'everything' | 'no owner'
}

export const logOutcomes = ['accepted', 'refused', 'denied'] as const

export type LogOutcome = (typeof logOutcomes)[number]

/** Which entries. */
export interface LogFilter extends Period {
  subjects: readonly (Subject | Whole)[]
  outcome?: LogOutcome | undefined
}

export interface LogPage {
  limit: number
  cursor?: Position | undefined
}

/** What a subject is called in `authentication_log_days`, and in the hashes of `authentication_log_subjects`. */
export function subjectName(subject: Subject): string {
  switch (subject.of) {
    case 'organization':
      return subject.organizationId
    case 'person':
      return subject.userId + (subject.organizationId ?? '')
    case 'api key':
      return subject.apiKeyId
  }
}

export function isWhole(subject: Subject | Whole): subject is Whole {
  return subject.of === 'everything' || subject.of === 'no owner'
}

/** Whether what has the columns `organization_id`, `user_id`, `credential_kind` and `credential_id` is any of these. */
export function isOf(subjects: LogFilter['subjects']): RawBuilder<boolean> {
  const each = subjects.map((subject) => {
    if (isWhole(subject)) return sql`true`
    const own = [sql`organization_id is not distinct from ${subject.organizationId}`]
    if (subject.of === 'api key') own.push(sql`credential_kind = 'api_key' and credential_id = ${subject.apiKeyId}`)
    if (subject.of !== 'organization' && subject.userId !== undefined) own.push(sql`user_id = ${subject.userId}`)
    return sql.join(own, sql` and `)
  })
  return sql`(${sql.join(each, sql` or `)})`
}

/** What a filter and a page ask of `occurred_at`, `id` and `outcome`. */
export function placed({ outcome, ...period }: LogFilter, { cursor }: LogPage): RawBuilder<unknown> {
  const outcomes = outcome === undefined ? [] : [sql`outcome = ${outcome}`]
  return sql.join([...outcomes, ...between(period), ...beyond(cursor), sql`true`], sql` and `)
}
