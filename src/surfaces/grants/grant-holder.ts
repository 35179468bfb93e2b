import { exchanged, lossBetween } from '#directory/access/change.ts'
import { canonicalGrants, type Grants } from '#directory/access/grants.ts'
import type { Impact } from '#directory/access/impact.ts'
import { impactOf } from '#directory/access/read-impact.ts'
import { setGrantsOfMember, setGrantsOfTeam } from '#directory/access/set-grants.ts'
import { requireTeam } from '#directory/access/team-queries.ts'
import { requireManagedClient } from '#directory/clients/managed-client.ts'
import { setGrantsOfServiceAccount } from '#directory/clients/set-service-account-grants.ts'
import { requireMembership } from '#directory/organizations/manage-member.ts'
import type { Actor } from '#directory/users/actor.ts'
import type { Queryable } from '#foundation/database/database.ts'

/** Whom something is granted to: a team, a member, a service account of the actor's organization. */
export interface GrantHolder {
  kind: 'team' | 'member' | 'service_account'
  /** Of a member the user's, of a service account its client_id. */
  id: string
  name: string
  /** Tells it from others of its name. */
  detail: string | undefined
  /** Of its page. */
  path: string
  /** In their one spelling. */
  grants: Grants
  /** @param seen as `setGrantsOfMember` has it @throws GatehouseError as that does */
  set(grants: Grants, seen: Grants): Promise<Grants>
  /** Who would lose what, were `removed` taken away and `added` given by one change. */
  impactOf(removed: Grants, added: Grants): Promise<Impact>
}

interface Asking {
  db: Queryable
  actor: Actor
}

/** @throws GatehouseError not_found, also for what belongs to another organization */
export type FindHolder = (asking: Asking, named: string) => Promise<GrantHolder>

export const grantsPath = '/admin/grants'

/** Each kind of holder by the path of its page. */
export const holders = {
  'teams/:name': findTeam,
  'members/:name': findMember,
  'service-accounts/:name': findServiceAccount,
} as const satisfies Record<string, FindHolder>

export function pathOfTeam(id: string): string {
  return `${grantsPath}/teams/${encodeURIComponent(id)}`
}

export function pathOfMember(userId: string): string {
  return `${grantsPath}/members/${encodeURIComponent(userId)}`
}

export function pathOfServiceAccount(clientId: string): string {
  return `${grantsPath}/service-accounts/${encodeURIComponent(clientId)}`
}

async function findTeam({ db, actor }: Asking, named: string): Promise<GrantHolder> {
  const organization = { id: actor.organizationId }
  const team = await requireTeam(db, organization.id, named)
  return {
    kind: 'team',
    id: team.id,
    name: team.name,
    detail: undefined,
    path: pathOfTeam(team.id),
    grants: canonicalGrants(team),
    set: (grants, seen) => setGrantsOfTeam(db, { actor, organization }, team, grants, seen),
    impactOf: (removed, added) =>
      impactOf(db, organization.id, { change: 'team_grant_removed', teamId: team.id, removed, added }),
  }
}

async function findMember({ db, actor }: Asking, named: string): Promise<GrantHolder> {
  const organization = { id: actor.organizationId }
  const member = await requireMembership(db, organization.id, named)
  return {
    kind: 'member',
    id: member.userId,
    name: member.name,
    detail: member.email,
    path: pathOfMember(member.userId),
    grants: canonicalGrants(member),
    set: (grants, seen) => setGrantsOfMember(db, { actor, organization }, member, grants, seen),
    impactOf: (removed, added) =>
      impactOf(db, organization.id, { change: 'member_grant_removed', membershipId: member.id, removed, added }),
  }
}

async function findServiceAccount({ db, actor }: Asking, named: string): Promise<GrantHolder> {
  const organization = { id: actor.organizationId }
  const client = await requireManagedClient(db, organization, named)
  const { clientId, lastUsedAt } = client
  const grants = canonicalGrants(client)
  return {
    kind: 'service_account',
    id: clientId,
    name: client.clientName,
    detail: clientId,
    path: pathOfServiceAccount(clientId),
    grants,
    set: (wanted, seen) => setGrantsOfServiceAccount(db, { actor, organization }, client, wanted, seen),
    // It has nothing from anywhere else, and nobody has anything from it.
    impactOf: async (removed, added) => ({
      people: [],
      apiKeys: [],
      serviceAccounts: [{ clientId, lost: lossBetween(grants, exchanged(grants, { removed, added })), lastUsedAt }],
      counts: { people: 0, apiKeys: 0, serviceAccounts: 1 },
    }),
  }
}
