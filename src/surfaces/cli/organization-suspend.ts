import { editOrganization } from '#directory/organizations/edit-organization.ts'
import { operator } from '#directory/users/actor.ts'
import { command, operand } from './command.ts'
import { requireOrganization } from './named.ts'
import { organizationJson } from './organization-json.ts'
import { withDatabase } from './with-database.ts'

export const organizationSuspend = command({
  name: 'organization suspend',
  summary: 'let everything that is for an organization rest, at once',
  about: 'Its sessions, tokens, keys and sign-ins are refused until organization activate.',
  takes: { organization: operand('slug', 'which (slug or id)') },
  examples: ['organization suspend acme'],
  run({ organization: slugOrId }, { environment }) {
    return withDatabase(environment, async (db) => {
      const found = await requireOrganization(db, slugOrId)
      const organization = await editOrganization(db, { organization: found, actor: operator }, { active: false })
      return { lines: [`${organization.slug} is suspended.`], json: organizationJson(organization) }
    })
  },
})
