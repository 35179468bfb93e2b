import type { Queryable } from '#foundation/database/database.ts'

/** Adds permissions to the catalogue, or changes their descriptions. */
export async function savePermissions(
  tx: Queryable,
  permissions: readonly { name: string; description: string }[],
): Promise<void> {
  if (permissions.length === 0) return
  await tx
    .insertInto('permissions')
    .values([...permissions])
    .onConflict((conflict) =>
      conflict.column('name').doUpdateSet((row) => ({ description: row.ref('excluded.description') })),
    )
    .execute()
}
