import { z } from 'zod'
import { changeGrantsOfMember, changeGrantsOfTeam, type GrantChange } from '#directory/access/change-grants.ts'
import type { Grants } from '#directory/access/grants.ts'
import type { GrantManagement } from '#directory/access/set-grants.ts'
import { requireTeam } from '#directory/access/team-queries.ts'
import { changeGrantsOfServiceAccount } from '#directory/clients/change-service-account-grants.ts'
import { requireMembership } from '#directory/organizations/manage-member.ts'
import { operator } from '#directory/users/actor.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { DataScope } from '#foundation/values/data-scope.ts'
import { command, flag, option, optionalText } from './command.ts'
import { requireOrganization } from './named.ts'
import { dataScopes, permissions } from './typed-grants.ts'
import { UsageError } from './usage-error.ts'
import { withDatabase } from './with-database.ts'

export const grant = command({
  name: 'grant',
  summary: 'give permissions and data scopes to a member, a team or a service account, or take them away',
  about:
    'Adds what is named, or with --remove takes it away as it was given, and prints what is granted directly then; without ' +
    'any it only prints. The very next answer of every server goes by it.',
  takes: {
    organization: option('slug', 'where (slug or id)', z.string()),
    member: option('email', 'to a member (address or id)', optionalText),
    team: option('name', 'or to a team (name or id)', optionalText),
    serviceAccount: option('id', 'or to a service account (client_id)', optionalText),
    permission: permissions,
    dataScope: dataScopes,
    remove: flag('take away instead'),
  },
  examples: [
    'grant --organization acme --team readers --permission items:read --data-scope kubernetes=prod-cluster',
    'grant --organization acme --member ada@acme.test --permission "items:*" --remove',
    'grant --organization acme --service-account nightly-export --data-scope ceph',
  ],
  async run({ organization: slugOrId, permission, dataScope, remove, ...holder }, { environment }) {
    const changeFor = changeOf(holder)
    const named = { permissions: permission, dataScopes: dataScope }
    return withDatabase(environment, async (db) => {
      const organization = await requireOrganization(db, slugOrId)
      const management = { organization, actor: operator }
      const granted = await changeFor(db, management, remove ? { remove: named } : { add: named })
      const lines = [...granted.permissions, ...granted.dataScopes.map(typedScope)]
      const json = { permissions: granted.permissions, data_scopes: granted.dataScopes }
      return { lines: lines.length > 0 ? lines : ['Nothing is granted directly.'], json }
    })
  },
})

type ChangeGrants = (db: Queryable, management: GrantManagement, change: GrantChange) => Promise<Grants>

/** @throws UsageError unless exactly one holder was named */
function changeOf(holder: Record<'member' | 'team' | 'serviceAccount', string | undefined>): ChangeGrants {
  const { member, team, serviceAccount } = holder
  if ([member, team, serviceAccount].filter((one) => one !== undefined).length !== 1) {
    throw new UsageError('Name one of --member, --team and --service-account.')
  }
  return async (db, management, change) => {
    const { id } = management.organization
    if (member !== undefined) {
      return changeGrantsOfMember(db, management, await requireMembership(db, id, member), change)
    }
    if (team !== undefined) return changeGrantsOfTeam(db, management, await requireTeam(db, id, team), change)
    return changeGrantsOfServiceAccount(db, management, String(serviceAccount), change)
  }
}

/** As it is typed: `kubernetes=prod-cluster`, `ceph`, `*`. */
function typedScope({ source, scope_id }: DataScope): string {
  if (source === null) return 'data scope *'
  return `data scope ${scope_id === null ? source : `${source}=${scope_id}`}`
}
