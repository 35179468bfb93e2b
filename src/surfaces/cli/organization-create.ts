import { createOrganization } from '#directory/organizations/create-organization.ts'
import { operator } from '#directory/users/actor.ts'
import { displayName, organizationSlug } from '#foundation/values/names.ts'
import { command, operand, option } from './command.ts'
import { withDatabase } from './with-database.ts'

export const organizationCreate = command({
  name: 'organization create',
  summary: 'make an organization, whose first administrator is then invited',
  takes: {
    slug: operand('slug', 'part of its sign-in address: lower-case letters, digits, hyphens', organizationSlug),
    name: option('name', 'shown to people', displayName),
  },
  examples: ['organization create acme --name "Acme Corporation"'],
  run({ slug, name }, { environment }) {
    return withDatabase(environment, async (db) => {
      const made = await createOrganization(db, operator, { slug, name })
      const note = `Next: gatehouse member invite EMAIL --organization ${slug} --admin`
      return { lines: [`Made ${slug} (${made.id}).`], note, json: made }
    })
  },
})
