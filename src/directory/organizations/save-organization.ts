import { databaseNow } from '#foundation/database/clock.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { skeletonsOf } from './organization-names.ts'

/** An organization as it is first written; ids come from `newId('organization')`. */
export interface NewOrganization {
  id: string
  slug: string
  name: string
  logoUrl: string | null
  accentColor: string | null
  joinByDomain: boolean
  defaultLocale?: string | null
  active: boolean
}

/** Only what is given is changed. */
export interface OrganizationEdit {
  name?: string
  logoUrl?: string | null
  accentColor?: string | null
  allowsKeysInQuery?: boolean
  joinByDomain?: boolean
  defaultLocale?: string | null
  active?: boolean
}

/** @throws on `organizations_slug_unique` when a slug is taken */
export async function insertOrganizations(tx: Queryable, organizations: readonly NewOrganization[]): Promise<void> {
  if (organizations.length === 0) return
  await tx
    .insertInto('organizations')
    .values(
      organizations.map(({ active, ...organization }) => ({
        ...organization,
        nameSkeletons: skeletonsOf(organization),
        suspendedAt: active ? null : databaseNow,
      })),
    )
    .execute()
}

/** A suspended organization's tokens and keys stop at once: this row is read when a credential is resolved. */
export async function updateOrganization(
  tx: Queryable,
  organizationId: string,
  { active, ...edit }: OrganizationEdit,
): Promise<void> {
  const renamed = edit.name === undefined ? {} : { nameSkeletons: await skeletonsUnder(tx, organizationId, edit.name) }
  await tx
    .updateTable('organizations')
    .set({ ...edit, ...renamed, ...(active !== undefined && { suspendedAt: active ? null : databaseNow }) })
    .where('id', '=', organizationId)
    .execute()
}

async function skeletonsUnder(tx: Queryable, organizationId: string, name: string): Promise<string[]> {
  const organization = tx.selectFrom('organizations').select('slug').where('id', '=', organizationId)
  return skeletonsOf({ ...(await organization.executeTakeFirstOrThrow()), name })
}

/**
 * Records domains as the organization's own and verified, whether it has claimed them or not. Others may go on claiming
 * them, which counts for nothing. @throws on `organization_domains_verified` when another organization has verified one
 */
export async function addVerifiedDomains(
  tx: Queryable,
  organizationId: string,
  domains: readonly string[],
): Promise<void> {
  if (domains.length === 0) return
  await tx
    .insertInto('organizationDomains')
    .values(domains.map((domain) => ({ domain, organizationId, verifiedAt: databaseNow })))
    .onConflict((conflict) => conflict.columns(['domain', 'organizationId']).doUpdateSet({ verifiedAt: databaseNow }))
    .execute()
}

/** Takes domains away from the organization, verified or only claimed. */
export async function removeDomains(tx: Queryable, organizationId: string, domains: readonly string[]): Promise<void> {
  if (domains.length === 0) return
  await tx
    .deleteFrom('organizationDomains')
    .where('organizationId', '=', organizationId)
    .where('domain', 'in', domains)
    .execute()
}
