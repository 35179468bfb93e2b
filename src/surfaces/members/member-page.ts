import { countLiveApiKeys, listApiKeys } from '#authentication/api-keys/api-key-queries.ts'
import { countSessionsIn } from '#credentials/grants/grant-queries.ts'
import { placeInTeam } from '#directory/access/manage-team.ts'
import { requireTeam } from '#directory/access/team-queries.ts'
import { requireMembership } from '#directory/organizations/manage-member.ts'
import { type ListedMember, requireListedMember } from '#directory/organizations/membership-queries.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { statusOfCode } from '#foundation/http/problem-details.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message, type Text } from '#foundation/messages/message.ts'
import { sentence } from '#foundation/messages/sentence.ts'
import { effectiveRights } from './effective-rights.ts'
import { latestSignIns } from './latest-sign-ins.ts'
import { type MembersRequest, membersPath, pathOfMember } from './members-request.ts'
import { readTeamField } from './team-choice.ts'

const mostKeys = 5

const doneKinds = ['promoted', 'demoted', 'activated', 'deactivated', 'joined', 'left'] as const

/** What was refused, said where it was asked for. */
export interface Refusal {
  at: 'admin' | 'active' | 'remove' | 'team'
  text: Text
  status: number
}

/** By id alone: an address in a path ends up in histories. @throws GatehouseError not_found */
export async function requireAskedMember({ db, ctx, actor }: MembersRequest): Promise<ListedMember> {
  const { user = '' } = ctx.params
  const member = await requireListedMember(db, actor.organizationId, user)
  if (member.userId !== user) throw new GatehouseError('not_found', 'There is no such member in this organization.')
  return member
}

/** Who a member is, what they may do and from where, what they use, and what can be done about it. */
export async function showMember(request: MembersRequest, refusal?: Refusal): Promise<void> {
  const { db, ctx, actor, signedIn, sessionSeconds, show } = request
  const member = await requireAskedMember(request)
  const { userId, organizationId } = member
  const owner = { userId, organizationId }
  const isIn = new Set(member.teams.map(({ id }) => id))
  const [rights, sessions, keys, liveKeys, signIns, teamField] = await Promise.all([
    effectiveRights(db, owner),
    countSessionsIn(db, { ...owner, idleSeconds: sessionSeconds }),
    listApiKeys(db, owner, { limit: mostKeys }),
    countLiveApiKeys(db, owner, new Date()),
    latestSignIns(db, owner),
    readTeamField(db, organizationId, ({ id }) => !isIn.has(id)),
  ])
  await show(
    'members/member',
    {
      at: membersPath,
      organizationName: signedIn.organization.name,
      member: memberFacts(member),
      isOneself: userId === actor.user.id,
      teamField,
      rights,
      grantsUrl: `/admin/grants/members/${encodeURIComponent(userId)}`,
      sessions,
      liveKeys,
      keys: keys
        .slice(0, mostKeys)
        .map(({ id, name, hint, status, lastUsedAt }) => ({ id, name, hint, status, lastUsedAt })),
      signIns,
      done: doneKinds.find((kind) => kind === ctx.query.done),
      refusal,
    },
    refusal?.status,
  )
}

export function memberFacts(member: ListedMember) {
  const { userId, email, name, admin, superadmin, teams, createdAt } = member
  return {
    path: pathOfMember(userId),
    userId,
    email,
    name,
    admin,
    superadmin,
    isActive: member.deactivatedAt === null,
    hasAccount: member.userDeactivatedAt === null,
    teams,
    createdAt,
  }
}

/** Puts the member into a team, chosen by its id or its name. */
export async function postJoinTeam(request: MembersRequest): Promise<void> {
  const { db, ctx, form, actor, signedIn } = request
  const { userId } = await requireAskedMember(request)
  const { organization } = signedIn
  try {
    const team = await requireTeam(db, organization.id, form.team?.trim() ?? '')
    const member = await requireMembership(db, organization.id, userId)
    await placeInTeam(db, { actor, organization }, { team, member }, 'join')
    seeOther(ctx, `${pathOfMember(userId)}?done=joined`)
  } catch (error) {
    if (!(error instanceof GatehouseError) || error.code !== 'not_found') throw error
    await showMember(request, { at: 'team', text: message('members.no_such_team'), status: 422 })
  }
}

/** A refusal that is told on the member's page. */
export function refusalOf(error: GatehouseError, at: Refusal['at']): Refusal {
  return { at, text: sentence(error.message), status: statusOfCode[error.code] }
}
