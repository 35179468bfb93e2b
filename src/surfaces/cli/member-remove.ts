import { z } from 'zod'
import { removeMember } from '#directory/organizations/manage-member.ts'
import { operator } from '#directory/users/actor.ts'
import { command, operand, option } from './command.ts'
import { requireOrganization } from './named.ts'
import { withDatabase } from './with-database.ts'

export const memberRemove = command({
  name: 'member remove',
  summary: 'take a member out of an organization, with their grants, keys and tokens there',
  about: 'Their account stays. The last active administrator of an organization stays too.',
  takes: {
    member: operand('email', 'whom (address or id)'),
    organization: option('slug', 'out of which (slug or id)', z.string()),
  },
  examples: ['member remove grace@acme.test --organization acme'],
  run({ member, organization: slugOrId }, { environment }) {
    return withDatabase(environment, async (db) => {
      const organization = await requireOrganization(db, slugOrId)
      await removeMember(db, { organization, actor: operator }, member)
      return { lines: [`Removed ${member} from ${organization.slug}.`], json: { removed: member, organization } }
    })
  },
})
