import type { AuditSubject } from '#foundation/audit/record-audit-event.ts'
import type { User } from '#foundation/database/schema.ts'

type Named = Pick<User, 'id' | 'email'>

/** A person, as the audit log calls them. */
export function userSubject({ id, email }: Named): AuditSubject {
  return { kind: 'user', id, name: email }
}

/** A person in an organization, which the event names; by the user's id, as everything else knows members. */
export function memberSubject({ id, email }: Named): AuditSubject {
  return { kind: 'member', id, name: email }
}
