import { z } from 'zod'
import type { Change } from '#directory/access/change.ts'
import { type Impact, mostNamed } from '#directory/access/impact.ts'
import { impactOf } from '#directory/access/read-impact.ts'
import { requireTeam } from '#directory/access/team-queries.ts'
import { requireMembership } from '#directory/organizations/manage-member.ts'
import { type Actor, requireAdminOf } from '#directory/users/actor.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'
import { fromGrants, grantsShape } from '#surfaces/grants/granted.ts'
import { askedShape, checkScope, grantsOf, isGrantAsked, requireAskedOrganization } from './asked.ts'

/** What each change has to name beside the organization; `grant`: a permission, a data scope or both. */
const changes = {
  member_grant_removed: ['user', 'grant'],
  team_grant_removed: ['team', 'grant'],
  team_member_removed: ['team', 'user'],
  team_deleted: ['team'],
  member_deactivated: ['user'],
  member_removed: ['user'],
  organization_suspended: [],
} as const satisfies Record<Change['change'], ('user' | 'team' | 'grant')[]>

/** `/v1/authorization/impact`: who would lose what. */
export function impactApi(): ApiRoute[] {
  return [
    apiRoute({
      name: 'impactOfChange',
      method: 'GET',
      path: '/v1/authorization/impact',
      summary: 'See who would lose what by a change',
      description:
        'Changes nothing. Tells of every member of the organization what they could do and see before and could not any ' +
        'more after, of every API key that works now, and of service accounts, with their last use. What somebody has ' +
        `from elsewhere too they do not lose. At most ${mostNamed} of each are named; \`counts\` says how many there are. ` +
        '`member_grant_removed` and `team_grant_removed` take `permission`, `source` (with `scope_id`) or both, as they were ' +
        'granted; a grant that is not there takes nothing away. For administrators.',
      tags: ['Authorization'],
      query,
      answer: impact,
      errors: ['permission_denied', 'not_found'],
      find: ({ db, actor, query }) => findChange(db, actor, query),
      handle: async ({ db, found }) => toAnswer(await impactOf(db, found.organizationId, found.change)),
    }),
  ]
}

const query = z
  .strictObject({
    change: z
      .enum(Object.keys(changes) as (keyof typeof changes)[])
      .describe('What would be changed')
      .meta({ examples: ['team_deleted'] }),
    ...askedShape,
    team: z
      .string()
      .max(500, 'must be at most 500 characters')
      .optional()
      .describe('Id, or name in any spelling')
      .meta({ examples: ['readers'] }),
  })
  .superRefine((asked, context) => {
    checkScope(asked, context)
    const needed: readonly string[] = changes[asked.change]
    const given = { user: asked.user !== undefined, team: asked.team !== undefined, grant: isGrantAsked(asked) }
    for (const [part, isGiven] of Object.entries(given)) {
      if (isGiven === needed.includes(part)) continue
      const path = [part === 'grant' ? (isGiven && asked.permission === undefined ? 'source' : 'permission') : part]
      const message = isGiven ? `is not for ${asked.change}` : `${asked.change} needs it`
      context.addIssue({ code: 'custom', path, message })
    }
  })

/** @throws GatehouseError not_found, also for another organization's people and teams; permission_denied */
async function findChange(
  db: Queryable,
  actor: Actor,
  { change, organization, user = '', team = '', ...grant }: z.infer<typeof query>,
): Promise<{ organizationId: string; change: Change }> {
  const { id: organizationId } = await requireAskedOrganization(db, actor, organization)
  requireAdminOf(actor, organizationId)
  const teamId = async () => (await requireTeam(db, organizationId, team)).id
  const membershipId = async () => (await requireMembership(db, organizationId, user)).id
  const ofThe = (change: Change) => ({ organizationId, change })
  switch (change) {
    case 'member_grant_removed':
      return ofThe({ change, membershipId: await membershipId(), removed: grantsOf(grant) })
    case 'team_grant_removed':
      return ofThe({ change, teamId: await teamId(), removed: grantsOf(grant) })
    case 'team_member_removed':
      return ofThe({ change, teamId: await teamId(), membershipId: await membershipId() })
    case 'team_deleted':
      return ofThe({ change, teamId: await teamId() })
    case 'member_deactivated':
    case 'member_removed':
      return ofThe({ change, membershipId: await membershipId() })
    case 'organization_suspended':
      return ofThe({ change })
  }
}

function toAnswer({ people, apiKeys, serviceAccounts, counts }: Impact): z.input<typeof impact> {
  const time = (at: Date | null) => at?.toISOString() ?? null
  return {
    people: people.map(({ user, lost }) => ({ user, ...fromGrants(lost) })),
    api_keys: apiKeys.map(({ lost, lastUsedAt, ...key }) => ({
      ...key,
      ...fromGrants(lost),
      last_used_at: time(lastUsedAt),
    })),
    service_accounts: serviceAccounts.map(({ clientId, lost, lastUsedAt }) => ({
      client_id: clientId,
      ...fromGrants(lost),
      last_used_at: time(lastUsedAt),
    })),
    counts: { people: counts.people, api_keys: counts.apiKeys, service_accounts: counts.serviceAccounts },
  }
}

const person = z.object({ id: z.string(), email: z.string(), name: z.string() })
const lastUsedAt = z.iso.datetime().nullable().describe('null: not within what the authentication log keeps')

const count = z.int().meta({ examples: [2] })

const impact = z
  .object({
    people: z.array(z.object({ user: person, ...grantsShape })).describe('With what each would lose'),
    api_keys: z
      .array(z.object({ id: z.string(), name: z.string(), user: person, ...grantsShape, last_used_at: lastUsedAt }))
      .describe('Keys of theirs, with what each would lose'),
    service_accounts: z
      .array(z.object({ client_id: z.string(), ...grantsShape, last_used_at: lastUsedAt }))
      .describe('With what each would lose'),
    counts: z
      .object({
        people: count.describe('People'),
        api_keys: count.describe('API keys'),
        service_accounts: count.describe('Service accounts'),
      })
      .describe('All who would lose something, named above or not'),
  })
  .meta({ id: 'Impact', description: 'Who would lose what by a change' })
