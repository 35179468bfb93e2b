import { z } from 'zod'
import { countOpenInvitations, listOpenInvitations } from '#authentication/joining/invitation-queries.ts'
import { resendInvitation } from '#authentication/joining/invite-member.ts'
import { withdrawInvitation } from '#authentication/joining/withdraw-invitation.ts'
import { readLiveLinks } from '#authentication/mail-links/mail-link.ts'
import { readTeams } from '#directory/access/team-queries.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { pageOf, pageQuery } from '#foundation/http/list.ts'
import { parse } from '#foundation/http/parse.ts'
import { statusOfCode } from '#foundation/http/problem-details.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { sentence } from '#foundation/messages/sentence.ts'
import { emailKey } from '#foundation/values/email-address.ts'
import { type MembersRequest, membersPath } from './members-request.ts'

const at = `${membersPath}/invitations`
const pageSize = 25

const listQuery = z.object({
  cursor: pageQuery.cursor.catch(undefined),
  invited: z.coerce.number().int().min(1).max(1_000).optional().catch(undefined),
  done: z.enum(['resent', 'withdrawn']).optional().catch(undefined),
})

/** Who has been invited and has not answered. @param refusal of what was asked for from the list, to be said there */
export async function showInvitations(request: MembersRequest, refusal?: GatehouseError): Promise<void> {
  const { db, ctx, actor, show } = request
  const { organizationId } = actor
  const { cursor, invited, done } = parse(listQuery, { ...ctx.query })
  const [rows, openInvitations] = await Promise.all([
    listOpenInvitations(db, organizationId, { limit: pageSize, cursor }),
    countOpenInvitations(db, organizationId),
  ])
  const [teams, links] = await Promise.all([
    readTeams(
      db,
      organizationId,
      rows.flatMap(({ teamIds }) => teamIds),
    ),
    readLiveLinks(db, { purpose: 'invitation', organizationId, emails: rows.map(({ email }) => email) }),
  ])
  const { items, next_cursor: older } = pageOf(
    rows,
    pageSize,
    (row) => ({ at: row.at, id: row.id }),
    ({ id, email, admin, teamIds, createdAt, inviterName, inviterEmail }) => ({
      id,
      email,
      admin,
      teams: teamIds.flatMap((teamId) => teams.get(teamId)?.name ?? []),
      createdAt,
      inviter: inviterName === null ? undefined : { name: inviterName, email: inviterEmail },
      linkExpiresAt: links.get(emailKey(email)),
    }),
  )
  await show(
    'members/invitations',
    {
      at: membersPath,
      openInvitations,
      invitations: items,
      isFirstPage: cursor === undefined,
      olderUrl: older && `${at}?cursor=${older}`,
      invited,
      done,
      refusal: refusal && sentence(refusal.message),
    },
    refusal && statusOfCode[refusal.code],
  )
}

export async function postResend(request: MembersRequest): Promise<void> {
  const { ctx, actor, signedIn } = request
  await told(request, async () => {
    await resendInvitation(request, actor, signedIn.organization, ctx.params.id ?? '')
    seeOther(ctx, `${at}?done=resent`)
  })
}

export async function postWithdraw(request: MembersRequest): Promise<void> {
  const { ctx, actor, signedIn } = request
  await told(request, async () => {
    await withdrawInvitation(request, actor, signedIn.organization, ctx.params.id ?? '')
    seeOther(ctx, `${at}?done=withdrawn`)
  })
}

/** A mailbox that has had its share, or an invitation that was answered meanwhile: said above the list. */
async function told(request: MembersRequest, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof GatehouseError) || !['not_found', 'too_many_requests'].includes(error.code)) throw error
    await showInvitations(request, error)
  }
}
