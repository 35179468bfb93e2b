import { insertMemberships } from '#directory/organizations/save-membership.ts'
import { insertUsers } from '#directory/users/save-user.ts'
import { newId } from '#foundation/crypto/ids.ts'
import type { Gatehouse } from './gatehouse.ts'

/**
 * A second superadmin, who is also an admin of every organization: where a test has the setup switch off the first, who
 * would be the last. The setup did not bring them, so it leaves them alone.
 */
export async function addSecondAdmin({ database: { db } }: Pick<Gatehouse, 'database'>): Promise<void> {
  const user = { id: newId('user'), email: 'second@admins.test', name: 'Second', passwordHash: null }
  await insertUsers(db, [{ ...user, emailVerified: true, superadmin: true, active: true }])
  const organizations = await db.selectFrom('organizations').select('id').execute()
  const membership = { userId: user.id, admin: true, active: true }
  await insertMemberships(
    db,
    organizations.map(({ id }) => ({ ...membership, id: newId('membership'), organizationId: id })),
  )
}
