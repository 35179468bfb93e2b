import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { Actor } from './actor.ts'
import { userSubject } from './audit-subjects.ts'
import { updateUser } from './save-user.ts'

/** Changes the actor's own name. */
export async function renameOneself(db: Queryable, { user }: Actor, name: string): Promise<void> {
  if (name === user.name) return
  await inTransaction(db, async (tx) => {
    await updateUser(tx, user.id, { name })
    await recordAuditEvent(tx, {
      actor: { user },
      action: 'user.updated',
      subject: userSubject(user),
      before: { name: user.name },
      after: { name },
    })
  })
}
