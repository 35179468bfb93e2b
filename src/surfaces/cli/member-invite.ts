import { z } from 'zod'
import { inviteMember } from '#authentication/joining/invite-member.ts'
import { listTeams } from '#directory/access/team-queries.ts'
import { operator } from '#directory/users/actor.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { emailAddress } from '#foundation/values/email-address.ts'
import { command, flag, operand, option, options } from './command.ts'
import { requireOrganization } from './named.ts'
import { withDatabase } from './with-database.ts'

export const memberInvite = command({
  name: 'member invite',
  summary: 'invite a person into an organization by mail',
  about:
    'The link lives seven days. Inviting again replaces what was offered and ends the older link. The mail is sent by the ' +
    'next server that runs.',
  takes: {
    email: operand('email', 'whom', emailAddress),
    organization: option('slug', 'into which (slug or id)', z.string()),
    admin: flag('as an administrator'),
    team: options('team', 'a team there that they join (name or id)', z.string()),
  },
  examples: [
    'member invite grace@acme.test --organization acme',
    'member invite grace@acme.test --organization acme --admin --team readers --team writers',
  ],
  run({ email, organization: slugOrId, admin, team }, { environment }) {
    return withDatabase(environment, async (db, { outbox }) => {
      const organization = await requireOrganization(db, slugOrId)
      const teamIds = await teamIdsOf(db, organization.id, team)
      const { id } = await inviteMember({ db, outbox }, operator, organization, { email, admin, teamIds })
      const json = { id, email, organization, admin, teams: team }
      return { lines: [`Invited ${email} into ${organization.slug} (${id}).`], json }
    })
  },
})

async function teamIdsOf(db: Queryable, organizationId: string, named: readonly string[]): Promise<string[]> {
  const teams = await listTeams(db, [organizationId])
  return named.map((name) => {
    const team = teams.find((one) => one.id === name || one.name.toLowerCase() === name.trim().toLowerCase())
    if (!team) throw new GatehouseError('not_found', `There is no team ${name} in this organization.`)
    return team.id
  })
}
