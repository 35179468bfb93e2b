import { sql } from 'kysely'
import { listLogEntries } from '#credentials/log/log-queries.ts'
import type { LogRow } from '#credentials/log/log-row.ts'
import type { Queryable } from '#foundation/database/database.ts'

/** How much an organization has of everything that its administrators look after. */
export interface OrganizationCounts {
  /** Who may come in: neither the membership nor the person is deactivated. */
  members: number
  admins: number
  openInvitations: number
  teams: number
  /** Not revoked, not expired. */
  apiKeys: number
  serviceAccounts: number
  connections: number
}

/** Everything in one statement, each number by an index of the organization's own rows. */
export async function countsOfOrganization(db: Queryable, organizationId: string): Promise<OrganizationCounts> {
  const { rows } = await sql<OrganizationCounts>`
    select
      (select count(*) from memberships m join users u on u.id = m.user_id
        where m.organization_id = o.id and m.deactivated_at is null and u.deactivated_at is null) as members,
      (select count(*) from memberships m join users u on u.id = m.user_id
        where m.organization_id = o.id and m.admin and m.deactivated_at is null and u.deactivated_at is null) as admins,
      (select count(*) from invitations where organization_id = o.id and accepted_at is null and withdrawn_at is null)
        as open_invitations,
      (select count(*) from teams where organization_id = o.id) as teams,
      (select count(*) from credentials where kind = 'api_key' and organization_id = o.id and revoked_at is null
        and expires_at > now()) as api_keys,
      (select count(*) from clients where organization_id = o.id) as service_accounts,
      (select count(*) from connections where organization_id = o.id and enabled) as connections
    from organizations o where o.id = ${organizationId}`.execute(db)
  return rows[0]!
}

/** How far a new organization has come on the way to work with its first teammate and its first service. */
export interface FirstSteps {
  teammateInvited: boolean
  teammateSignedIn: boolean
  accessGiven: boolean
  /** A service account, or an API key. */
  serviceHasKey: boolean
}

/** @param userId who is at it: the others are the teammates */
export async function firstStepsOf(
  db: Queryable,
  { organizationId, userId }: { organizationId: string; userId: string },
): Promise<FirstSteps> {
  const { rows } = await sql<FirstSteps>`
    select
      exists (select from invitations where organization_id = ${organizationId} and withdrawn_at is null)
        or others.any as teammate_invited,
      exists (select from memberships m join sessions s on s.user_id = m.user_id
        where m.organization_id = ${organizationId} and m.user_id <> ${userId} and s.created_at > m.created_at)
        as teammate_signed_in,
      exists (select from memberships where organization_id = ${organizationId}
        and (effective_permissions::text <> '[]' or effective_data_scopes::text <> '[]')) as access_given,
      exists (select from credentials where kind = 'api_key' and organization_id = ${organizationId})
        or exists (select from clients where organization_id = ${organizationId}) as service_has_key
    from (select exists (select from memberships where organization_id = ${organizationId} and user_id <> ${userId})
      as any) as others`.execute(db)
  return rows[0]!
}

/** What ends soon, or does not work as it was meant to: each with how many there are of it and the first few. */
export interface Attention {
  /** API keys that end within `soonDays`, the first to end first. */
  expiringApiKeys: Listed<{ id: string; name: string; ownerName: string; expiresAt: Date }>
  /** Service accounts whose last secret ends within `soonDays`: one that was rotated has another. */
  expiringSecrets: Listed<{ clientId: string; clientName: string; expiresAt: Date }>
  unverifiedDomains: Listed<{ domain: string }>
  /** Open for longer than `staleDays`. */
  staleInvitations: Listed<{ email: string; createdAt: Date }>
  /** Connections through which sign-ins were refused within `staleDays`, by the latest. */
  failingConnections: { name: string; times: number; lastAt: Date; reason: string | null }[]
}

interface Listed<Thing> {
  count: number
  first: Thing[]
}

export const soonDays = 14
export const staleDays = 7

const mostListed = 3
/** Of refusals that are looked at: what failed more often than that shows as often enough. */
const mostRefusals = 200

/** What an organization's administrators should see to. @param now of the caller, for the log's period */
export async function attentionOf(db: Queryable, organizationId: string, now: Date): Promise<Attention> {
  const [expiringApiKeys, expiringSecrets, unverifiedDomains, staleInvitations, refusals] = await Promise.all([
    listed<Attention['expiringApiKeys']['first'][number]>(
      db,
      sql`select k.id, k.name, u.name as owner_name, k.expires_at from credentials k
        join users u on u.id = k.user_id
        where k.kind = 'api_key' and k.organization_id = ${organizationId} and k.revoked_at is null
          and k.superseded_by is null and k.expires_at > now() and k.expires_at < now() + ${soonDays} * interval '1 day'`,
      sql`expires_at`,
    ),
    listed<Attention['expiringSecrets']['first'][number]>(
      db,
      sql`select c.client_id, c.client_name, max(s.expires_at) as expires_at
        from clients c join client_secrets s on s.client_id = c.client_id
        where c.organization_id = ${organizationId} and c.deactivated_at is null
        group by c.client_id
        having bool_and(s.expires_at is not null) and max(s.expires_at) > now()
          and max(s.expires_at) < now() + ${soonDays} * interval '1 day'`,
      sql`expires_at`,
    ),
    listed<Attention['unverifiedDomains']['first'][number]>(
      db,
      sql`select domain from organization_domains where organization_id = ${organizationId} and verified_at is null`,
      sql`domain`,
    ),
    listed<Attention['staleInvitations']['first'][number]>(
      db,
      sql`select email, created_at from invitations where organization_id = ${organizationId}
        and accepted_at is null and withdrawn_at is null and created_at < now() - ${staleDays} * interval '1 day'`,
      sql`created_at`,
    ),
    listLogEntries(
      db,
      {
        subjects: [{ of: 'organization', organizationId }],
        outcome: 'refused',
        from: new Date(now.getTime() - staleDays * 86_400_000).toISOString(),
      },
      { limit: mostRefusals },
    ),
  ])
  const failingConnections = connectionsOf(refusals)
  return { expiringApiKeys, expiringSecrets, unverifiedDomains, staleInvitations, failingConnections }
}

async function listed<Thing>(
  db: Queryable,
  query: ReturnType<typeof sql>,
  order: ReturnType<typeof sql>,
): Promise<Listed<Thing>> {
  const { rows } = await sql<Thing & { total: number }>`
    select *, count(*) over () as total from (${query}) as things order by ${order} limit ${mostListed}`.execute(db)
  return { count: rows[0]?.total ?? 0, first: rows }
}

/** @param refusals newest first */
function connectionsOf(refusals: readonly LogRow[]): Attention['failingConnections'] {
  const byName = Map.groupBy(
    refusals.filter(({ credentialKind }) => credentialKind === 'connection'),
    ({ credentialName }) => credentialName ?? '',
  )
  return [...byName].slice(0, mostListed).map(([name, entries]) => {
    const { occurredAt: lastAt, reason } = entries[0]!
    return { name, times: entries.length, lastAt, reason }
  })
}
