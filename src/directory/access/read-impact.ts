import { sql } from 'kysely'
import { listLiveApiKeysOf } from '#credentials/issued/api-keys.ts'
import { lastUsesOfApiKeys } from '#credentials/log/last-uses.ts'
import { holderEnded, holderJoins } from '#credentials/resolve/holder.ts'
import { inSnapshot, type Queryable } from '#foundation/database/database.ts'
import { type Change, type Effect, effectOnKey, effectsOf, type MemberChange } from './change.ts'
import type { Grants } from './grants.ts'
import { type Impact, mostNamed, type PersonName } from './impact.ts'
import { impactOfSuspension } from './impact-of-suspension.ts'
import { readTeamsOfMembers } from './team-queries.ts'

/** Members that are looked at in one go. */
const batchSize = 2_000

/**
 * Who would lose what, if somebody made a change that nobody has made: the difference between what each may do and see
 * now and would then, by the functions that decide it when the change is made. People, keys and accounts that can do nothing
 * now have nothing to lose.
 */
export function impactOf(db: Queryable, organizationId: string, change: Change): Promise<Impact> {
  return inSnapshot(db, async (tx) => {
    if (change.change === 'organization_suspended') return impactOfSuspension(tx, organizationId)
    const { people, apiKeys, counts } = await findLosses(tx, organizationId, change)
    const lastUses = await lastUsesOfApiKeys(
      tx,
      apiKeys.map(({ id }) => id),
    )
    return {
      people,
      apiKeys: apiKeys.map((key) => ({ ...key, lastUsedAt: lastUses.get(key.id) ?? null })),
      serviceAccounts: [],
      counts: { ...counts, serviceAccounts: 0 },
    }
  })
}

interface Losses {
  people: Impact['people']
  apiKeys: Omit<Impact['apiKeys'][number], 'lastUsedAt'>[]
  counts: { people: number; apiKeys: number }
}

/** In batches: a team may have everybody of an organization in it. */
async function findLosses(tx: Queryable, organizationId: string, change: MemberChange): Promise<Losses> {
  const losses: Losses = { people: [], apiKeys: [], counts: { people: 0, apiKeys: 0 } }
  const effectOf = effectsOf(change)
  for (let last = ''; ; ) {
    const members = await listAffected(tx, organizationId, change, last)
    await addLosses(tx, losses, { organizationId, change, effectOf, members })
    if (members.length < batchSize) return losses
    last = members.at(-1)!.membershipId
  }
}

async function addLosses(
  tx: Queryable,
  { people, apiKeys, counts }: Losses,
  asked: {
    organizationId: string
    change: MemberChange
    effectOf: ReturnType<typeof effectsOf>
    members: readonly Affected[]
  },
): Promise<void> {
  const { organizationId, change, effectOf } = asked
  const members = asked.members.filter(({ ended }) => ended === null)
  const ids = members.map(({ membershipId }) => membershipId)
  const teamsOf = await readTeamsOfMembers(tx, organizationId, ids)
  const hit = new Map<string, { user: PersonName; effect: Effect }>()
  for (const { membershipId, superadmin, permissions, dataScopes, ...user } of members) {
    const own = { permissions, dataScopes }
    const effect = effectOf({ superadmin, own, teams: teamsOf.get(membershipId) ?? [] })
    if (endsPerson(change, superadmin) || isSomething(effect.lost)) {
      counts.people++
      if (people.length < mostNamed) people.push({ user: nameOf(user), lost: effect.lost })
    } else if (!endsKeys(change)) continue
    hit.set(user.id, { user: nameOf(user), effect })
  }
  for (const key of await listLiveApiKeysOf(tx, organizationId, [...hit.keys()])) {
    const { user, effect } = hit.get(key.userId)!
    const { before, lost } = effectOnKey(effect, key)
    if (!endsKeys(change) && !endsPerson(change, false) && !isSomething(lost)) continue
    counts.apiKeys++
    const { id, name } = key
    if (apiKeys.length < mostNamed) apiKeys.push({ id, name, user, lost: endsKeys(change) ? before : lost })
  }
}

/** A superadmin needs no membership to act in an organization. */
function endsPerson({ change }: MemberChange, superadmin: boolean): boolean {
  return (change === 'member_deactivated' || change === 'member_removed') && !superadmin
}

/** With a membership go its keys, a superadmin's too. */
function endsKeys({ change }: MemberChange): boolean {
  return change === 'member_removed'
}

function isSomething({ permissions, dataScopes }: Grants): boolean {
  return permissions.length + dataScopes.length > 0
}

function nameOf({ id, email, name }: PersonName): PersonName {
  return { id, email, name }
}

interface Affected extends PersonName, Grants {
  membershipId: string
  superadmin: boolean
  /** As introspection says it; null: they can act. */
  ended: string | null
}

/** The members whom a change may touch, a batch in the order of their memberships' ids. */
async function listAffected(
  tx: Queryable,
  organizationId: string,
  change: MemberChange,
  after: string,
): Promise<Affected[]> {
  const ofTeam =
    'teamId' in change ? sql`join team_members p on p.membership_id = m.id and p.team_id = ${change.teamId}` : sql``
  const ofMember = 'membershipId' in change ? sql`and m.id = ${change.membershipId}` : sql``
  const { rows } = await sql<Affected>`
    select ms.id as membership_id, person.id, person.email, person.name, person.superadmin, ms.permissions,
      ms.data_scopes,
      ${sql.raw(holderEnded)} as ended
    from (
      select m.id, m.user_id, m.organization_id, null::text as client_id from memberships m ${ofTeam}
      where m.organization_id = ${organizationId} ${ofMember} and m.id > ${after}
      order by m.id limit ${batchSize}
    ) as c ${sql.raw(holderJoins)}
    join users person on person.id = c.user_id
    order by c.id`.execute(tx)
  return rows
}
