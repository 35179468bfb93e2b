import { sql } from 'kysely'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { lock } from '#foundation/database/locks.ts'
import type { Organization } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { nameSkeletons } from '#foundation/values/name-skeleton.ts'

/** By what an organization may be taken for another: the skeletons of its name and of its slug. */
export function skeletonsOf({ name, slug }: Pick<Organization, 'name' | 'slug'>): string[] {
  return [...new Set([...nameSkeletons(name), ...nameSkeletons(slug)])]
}

/** Organizations, suspended or not, with a name or slug of one of these skeletons. */
export function listLookAlikes(db: Queryable, skeletons: readonly string[]): Promise<Organization[]> {
  return db.selectFrom('organizations').selectAll().where(isAlike(skeletons)).execute()
}

export type NamedOrganization =
  | { outcome: 'found'; organization: Organization }
  /** Several have the name, or one that looks like it: none is meant for certain. */
  | { outcome: 'ambiguous' }
  | { outcome: 'unknown' }

/** The active organization that a typed name or slug means. */
export async function findOrganizationByName(db: Queryable, typed: string): Promise<NamedOrganization> {
  const [organization, another] = await db
    .selectFrom('organizations')
    .selectAll()
    .where(isAlike(nameSkeletons(typed)))
    .where('suspendedAt', 'is', null)
    .limit(2)
    .execute()
  if (!organization) return { outcome: 'unknown' }
  return another ? { outcome: 'ambiguous' } : { outcome: 'found', organization }
}

/**
 * Makes other foundings wait until `tx` ends, and refuses a name that looks like another organization's name or slug,
 * whose people would be taken in by it.
 * @param options.except the id of the organization that takes the name
 * @throws GatehouseError validation_failed for `field`
 */
export async function claimName(
  tx: Queryable,
  name: string,
  { field = 'organization', except = '' }: { field?: string; except?: string } = {},
): Promise<void> {
  await lock(tx, 'organizationNames')
  const skeletons = nameSkeletons(name)
  if (skeletons.length === 0) throw refused(field, 'must hold something that people can see')
  if (await isTaken(tx, name, except)) {
    throw refused(
      field,
      'An organization of this name exists already, or of one that looks like it. Choose another name, or ask one of its administrators to invite you.',
    )
  }
}

/** Whether an organization, suspended or not, has a name or slug that looks like this one. */
export async function isTaken(tx: Queryable, nameOrSlug: string, exceptId = ''): Promise<boolean> {
  const taken = tx
    .selectFrom('organizations')
    .select('id')
    .where(isAlike(nameSkeletons(nameOrSlug)))
    .where('id', '!=', exceptId)
    .limit(1)
  return (await taken.executeTakeFirst()) !== undefined
}

/**
 * Gives those organizations their skeletons that have none: nodes of an earlier version made them. SQL could not, so no
 * migration does; any number of nodes may start at once.
 */
export async function fillInSkeletons(db: Queryable): Promise<void> {
  await inTransaction(db, async (tx) => {
    await lock(tx, 'organizationNames')
    const unnamed = await tx
      .selectFrom('organizations')
      .select(['id', 'name', 'slug'])
      .where('nameSkeletons', '=', sql<string[]>`'{}'`)
      .execute()
    for (const organization of unnamed) {
      const nameSkeletons = skeletonsOf(organization)
      await tx.updateTable('organizations').set({ nameSkeletons }).where('id', '=', organization.id).execute()
    }
  })
}

function isAlike(skeletons: readonly string[]) {
  return sql<boolean>`name_skeletons && ${skeletons}::text[]`
}

function refused(path: string, message: string): GatehouseError {
  const fields = [{ path, message }]
  return new GatehouseError('validation_failed', 'The name of the organization cannot be used.', { fields })
}
