import { isDeepStrictEqual } from 'node:util'
import { type Administrator, requireAdminOf } from '#directory/users/actor.ts'
import { memberSubject } from '#directory/users/audit-subjects.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { lock } from '#foundation/database/locks.ts'
import type { Organization, Team } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { requireGrantable } from './catalogue.ts'
import { rewriteEffectiveAuthorization } from './effective-authorization.ts'
import { canonicalGrants, type Grants } from './grants.ts'
import type { TeamCandidate } from './manage-team.ts'
import { setDirectGrants } from './save-grants.ts'
import { listMembersOfTeams, updateTeam } from './save-team.ts'
import { holdTeam } from './team-queries.ts'

/*
 * Who may grant what: an administrator of the organization anything in it, `*` and everything included, whether they hold
 * it themselves or not; so may a key of theirs that was made for administration. Nothing of this reaches beyond the
 * organization or makes anybody an administrator. A grant and what it makes of every member are one transaction.
 */

/** In whose organization, and by whom. */
export interface GrantManagement {
  organization: Pick<Organization, 'id'>
  actor: Administrator
}

/**
 * Replaces what a member is given directly.
 * @param seen what was granted when the change was decided on, where the change is void by another one meanwhile
 * @returns what is granted now, in its one spelling
 * @throws GatehouseError permission_denied, not_found, validation_failed naming permissions that are not in the catalogue,
 *   precondition_failed
 */
export async function setGrantsOfMember(
  db: Queryable,
  { organization, actor }: GrantManagement,
  member: TeamCandidate,
  grants: Grants,
  seen?: Grants,
): Promise<Grants> {
  requireAdminOf(actor, organization.id)
  return inTransaction(db, async (tx) => {
    if (seen) await lock(tx, 'edit', organization.id)
    const after = await requireGrantable(tx, grants)
    const before = await holdGrantsOfMember(tx, organization.id, member.id)
    requireAsSeen(before, seen)
    if (isDeepStrictEqual(before, after)) return after
    await setDirectGrants(tx, organization.id, [{ membershipId: member.id, ...after }])
    await rewriteEffectiveAuthorization(tx, organization.id, [member.id])
    await recordAuditEvent(tx, {
      actor,
      action: 'member.updated',
      subject: memberSubject({ id: member.userId, email: member.email }),
      organizationId: organization.id,
      ...changeInWords(before, after),
    })
    return after
  })
}

/** Replaces what a team gives to its members. @param seen, @returns and @throws as `setGrantsOfMember` */
export async function setGrantsOfTeam(
  db: Queryable,
  { organization, actor }: GrantManagement,
  place: Pick<Team, 'id' | 'organizationId'>,
  grants: Grants,
  seen?: Grants,
): Promise<Grants> {
  requireAdminOf(actor, organization.id)
  return inTransaction(db, async (tx) => {
    if (seen) await lock(tx, 'edit', organization.id)
    const after = await requireGrantable(tx, grants)
    const team = await holdTeam(tx, place, 'change')
    const before = canonicalGrants(team)
    requireAsSeen(before, seen)
    if (isDeepStrictEqual(before, after)) return after
    await updateTeam(tx, team, after)
    await rewriteEffectiveAuthorization(tx, organization.id, await listMembersOfTeams(tx, organization.id, [team.id]))
    await recordAuditEvent(tx, {
      actor,
      action: 'team.updated',
      subject: { kind: 'team', id: team.id, name: team.name },
      organizationId: organization.id,
      ...changeInWords(before, after),
    })
    return after
  })
}

/**
 * A change that was decided on what is granted no more would take back another's, whom nobody has asked.
 * @param before what is granted at this moment, held until the transaction ends
 * @throws GatehouseError precondition_failed
 */
export function requireAsSeen(before: Grants, seen: Grants | undefined): void {
  if (seen === undefined || isDeepStrictEqual(before, canonicalGrants(seen))) return
  throw new GatehouseError('precondition_failed', 'What is granted has changed since you saw it.')
}

/** Of a change of grants for the audit log: what differs. */
export function changeInWords(before: Grants, after: Grants) {
  const isAnother = (part: keyof Grants) => !isDeepStrictEqual(before[part], after[part])
  const pick = ({ permissions, dataScopes }: Grants) => ({
    ...(isAnother('permissions') && { permissions }),
    ...(isAnother('dataScopes') && { data_scopes: dataScopes }),
  })
  return { before: pick(before), after: pick(after) }
}

/** What a member is given directly, held until the transaction ends. @throws GatehouseError not_found */
export async function holdGrantsOfMember(tx: Queryable, organizationId: string, membershipId: string): Promise<Grants> {
  const grants = await tx
    .selectFrom('memberships')
    .select(['permissions', 'dataScopes'])
    .where('organizationId', '=', organizationId)
    .where('id', '=', membershipId)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (!grants) throw new GatehouseError('not_found', 'There is no such member in this organization.')
  return canonicalGrants(grants)
}
