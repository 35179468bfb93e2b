import { randomInt } from 'node:crypto'
import { memberSubject } from '#directory/users/audit-subjects.ts'
import { recordAuditEvents } from '#foundation/audit/record-audit-event.ts'
import { newId } from '#foundation/crypto/ids.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import { claimName, isTaken, skeletonsOf } from './organization-names.ts'
import { insertMemberships } from './save-membership.ts'

/** Names of the first that come; after them, chance finds a free one faster than counting does. */
const mostNumbered = 20
const longestBase = 50

/**
 * Creates an organization under a slug made from its name, with its founder as admin. An admin's rights are those over
 * the organization: what its members may do with resources is granted apart from that.
 * @throws GatehouseError validation_failed for `organization` when another's name or slug looks like its name
 */
export async function foundOrganization(
  tx: Queryable,
  { name, founder }: { name: string; founder: Pick<User, 'id' | 'email'> },
): Promise<{ id: string; slug: string; membershipId: string }> {
  await claimName(tx, name)
  const organizationId = newId('organization')
  const slug = await insertUnderFreeSlug(tx, { id: organizationId, name })
  const membership = { id: newId('membership'), organizationId, userId: founder.id, admin: true }
  await insertMemberships(tx, [{ ...membership, active: true }])
  const event = { actor: { user: founder }, organizationId }
  await recordAuditEvents(tx, [
    {
      ...event,
      action: 'organization.created',
      subject: { kind: 'organization', id: organizationId, name: slug },
      after: { slug, name },
    },
    { ...event, action: 'member.added', subject: memberSubject(founder), after: { admin: true } },
  ])
  return { id: organizationId, slug, membershipId: membership.id }
}

/**
 * A slug that looks like another organization's name would take over what typing that name leads to, so it is passed
 * over. Of a setup file that asks for the same slug meanwhile, the database makes this one wait and try the next.
 */
async function insertUnderFreeSlug(tx: Queryable, organization: { id: string; name: string }): Promise<string> {
  const base = slugOf(organization.name)
  for (let attempt = 1; ; attempt++) {
    const slug = attempt === 1 ? base : `${base}-${attempt <= mostNumbered ? attempt : randomInt(1e6, 1e9)}`
    if (await isTaken(tx, slug)) continue
    const nameSkeletons = skeletonsOf({ ...organization, slug })
    const inserted = await tx
      .insertInto('organizations')
      .values({
        ...organization,
        slug,
        nameSkeletons,
        logoUrl: null,
        accentColor: null,
        defaultLocale: null,
        suspendedAt: null,
      })
      .onConflict((conflict) => conflict.constraint('organizations_slug_unique').doNothing())
      .returning('id')
      .executeTakeFirst()
    if (inserted) return slug
  }
}

/** `Müller & Söhne` → `muller-sohne`; a name without a Latin letter or digit is just `organization`. */
export function slugOf(name: string): string {
  const slug = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/ß/g, 'ss')
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, longestBase)
    .replace(/^-+|-+$/g, '')
  return slug.length >= 2 ? slug : slug ? `${slug}-organization` : 'organization'
}
