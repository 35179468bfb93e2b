import { editOrganization } from '#directory/organizations/edit-organization.ts'
import { operator } from '#directory/users/actor.ts'
import { command, operand } from './command.ts'
import { requireOrganization } from './named.ts'
import { organizationJson } from './organization-json.ts'
import { withDatabase } from './with-database.ts'

export const organizationActivate = command({
  name: 'organization activate',
  summary: 'end the suspension of an organization',
  about: 'What rested works again at once, as far as it has not expired meanwhile.',
  takes: { organization: operand('slug', 'which (slug or id)') },
  examples: ['organization activate acme'],
  run({ organization: slugOrId }, { environment }) {
    return withDatabase(environment, async (db) => {
      const found = await requireOrganization(db, slugOrId)
      const organization = await editOrganization(db, { organization: found, actor: operator }, { active: true })
      return { lines: [`${organization.slug} is active.`], json: organizationJson(organization) }
    })
  },
})
