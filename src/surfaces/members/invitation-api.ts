import { z } from 'zod'
import { listOpenInvitations } from '#authentication/joining/invitation-queries.ts'
import { type InvitationParts, inviteMember, resendInvitation } from '#authentication/joining/invite-member.ts'
import { withdrawInvitation } from '#authentication/joining/withdraw-invitation.ts'
import { listTeams } from '#directory/access/team-queries.ts'
import type { Team } from '#foundation/database/schema.ts'
import { listOf, pageOf, pageQuery } from '#foundation/http/list.ts'
import { emailAddress } from '#foundation/values/email-address.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'

const tags: [string] = ['Members']
const organizationPath = '/v1/organizations/{org}'
const ofOrganization = z.strictObject({ org: z.string() })
const ofInvitation = z.strictObject({ org: z.string(), id: z.string() })

/** Inviting people into an organization, and what became of it so far. */
export function invitationApi({ outbox }: Pick<InvitationParts, 'outbox'>): ApiRoute[] {
  return [
    apiRoute({
      name: 'inviteMember',
      method: 'POST',
      path: `${organizationPath}/members`,
      summary: 'Invite a person into an organization',
      description:
        'Mails a link to the address, with or without an account. Inviting it again replaces what was offered; the older ' +
        'link ends. Nobody is invited as an administrator with an API key.',
      tags,
      params: ofOrganization,
      body: z.strictObject({
        email: emailAddress,
        admin: z.boolean().default(false),
        teams: z.array(z.string().max(200)).max(100, 'must be at most 100').default([]).describe('Ids or names'),
      }),
      status: 202,
      answer: z.object({ id: z.string() }).meta({ id: 'Invited' }),
      errors: ['not_found', 'conflict', 'too_many_requests'],
      async handle({ db, actor, organization, body: { email, admin, teams } }) {
        const known = await listTeams(db, [organization.id])
        const teamIds = teams.map((wanted) => idOfTeam(known, wanted))
        return inviteMember({ db, outbox }, actor, organization, { email, admin, teamIds })
      },
    }),
    apiRoute({
      name: 'listInvitations',
      method: 'GET',
      path: `${organizationPath}/invitations`,
      summary: 'List the open invitations of an organization',
      tags,
      params: ofOrganization,
      query: z.strictObject(pageQuery),
      answer: listOf(invitation),
      errors: ['permission_denied', 'not_found'],
      async handle({ db, organization, query }) {
        const [rows, teams] = await Promise.all([
          listOpenInvitations(db, organization.id, query),
          listTeams(db, [organization.id]),
        ])
        return pageOf(
          rows,
          query.limit,
          ({ at, id }) => ({ at, id }),
          ({ id, email, admin, teamIds, createdAt, inviterId, inviterEmail }) => ({
            id,
            email,
            admin,
            teams: teams.filter((team) => teamIds.includes(team.id)),
            invited_by: inviterId === null || inviterEmail === null ? null : { id: inviterId, email: inviterEmail },
            created_at: createdAt.toISOString(),
          }),
        )
      },
    }),
    apiRoute({
      name: 'withdrawInvitation',
      method: 'DELETE',
      path: `${organizationPath}/invitations/{id}`,
      summary: 'Withdraw an invitation',
      description: 'Its link is dead at once.',
      tags,
      params: ofInvitation,
      errors: ['not_found'],
      handle: ({ db, actor, organization, params }) => withdrawInvitation({ db }, actor, organization, params.id),
    }),
    apiRoute({
      name: 'resendInvitation',
      method: 'POST',
      path: `${organizationPath}/invitations/{id}/resend`,
      summary: 'Mail the link of an invitation anew',
      description: 'The older link ends.',
      tags,
      params: ofInvitation,
      status: 202,
      errors: ['not_found', 'too_many_requests'],
      handle: ({ db, actor, organization, params }) => resendInvitation({ db, outbox }, actor, organization, params.id),
    }),
  ]
}

/** What names no team is left to the use case to refuse. */
function idOfTeam(teams: readonly Team[], wanted: string): string {
  return teams.find(({ id, name }) => id === wanted || name === wanted)?.id ?? wanted
}

const invitation = z
  .object({
    id: z.string(),
    email: z.string(),
    admin: z.boolean(),
    teams: z.array(z.object({ id: z.string(), name: z.string() })),
    invited_by: z.object({ id: z.string(), email: z.string() }).nullable(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Invitation' })
