import { listOrganizationsInOrder } from '#directory/organizations/organization-queries.ts'
import type { Organization } from '#foundation/database/schema.ts'
import { command } from './command.ts'
import { organizationJson } from './organization-json.ts'
import { table } from './table.ts'
import { lookAtDatabase } from './with-database.ts'

const pageLimit = 1_000

export const organizationList = command({
  name: 'organization list',
  summary: 'list organizations by slug',
  about: 'Slug, id, name, and whether it is suspended.',
  takes: {},
  examples: ['organization list', "organization list --json | jq -r '.items[].slug'"],
  run(_, { environment }) {
    return lookAtDatabase(environment, async (db) => {
      const all: Organization[] = []
      for (let read = pageLimit; read === pageLimit; ) {
        const page = await listOrganizationsInOrder(db, { after: all.at(-1)?.slug, limit: pageLimit })
        all.push(...page)
        read = page.length
      }
      const lines = table(all.map(({ slug, id, name, suspendedAt }) => [slug, id, name, suspendedAt && 'suspended']))
      return { lines, json: { items: all.map(organizationJson) } }
    })
  },
})
