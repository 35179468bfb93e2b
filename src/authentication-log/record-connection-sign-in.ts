import type { Queryable } from '../database/database.ts'
import type { Connection, User } from '../database/schema.ts'
import { logText } from './log-text.ts'
import { organizationOfSignIn } from './record-sign-in.ts'

/** One authentication-log entry for somebody whom an identity provider has identified. @param use.reason null: accepted */
export async function recordConnectionSignIn(
  db: Queryable,
  use: {
    connection: Pick<Connection, 'id' | 'name' | 'organizationId'>
    user: Pick<User, 'id' | 'email'> | undefined
    reason: string | null
    ip: string | undefined
    userAgent: string | undefined
    clientId: string | undefined
  },
): Promise<void> {
  await db
    .insertInto('authenticationLog')
    .values({
      outcome: use.reason === null ? 'accepted' : 'refused',
      reason: use.reason,
      credentialId: use.connection.id,
      credentialKind: 'connection',
      credentialName: use.connection.name,
      via: 'sign-in',
      userId: use.user?.id ?? null,
      userEmail: use.user?.email ?? null,
      // Of the organization's own connection it is the organization's business, whoever came.
      organizationId: use.connection.organizationId ?? organizationOfSignIn(use.user?.id ?? '', undefined),
      clientId: use.clientId ?? null,
      resourceServer: null,
      ip: use.ip ?? null,
      userAgent: logText(use.userAgent) ?? null,
      method: null,
      path: null,
    })
    .execute()
}
