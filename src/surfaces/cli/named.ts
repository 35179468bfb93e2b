import { listOrganizationsBySlug, namesOfOrganizations } from '#directory/organizations/organization-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Organization } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'

/** An organization that was typed by slug or id, suspended or not. @throws GatehouseError not_found */
export async function requireOrganization(
  db: Queryable,
  slugOrId: string,
): Promise<Pick<Organization, 'id' | 'slug' | 'name'>> {
  const [bySlug] = await listOrganizationsBySlug(db, [slugOrId])
  const organization = bySlug ?? (await namesOfOrganizations(db, [slugOrId])).get(slugOrId)
  if (!organization) throw new GatehouseError('not_found', `There is no organization ${slugOrId}.`)
  return organization
}
