import { describeDataScope, describePermission } from '#directory/access/describe-authorization.ts'
import type { Grants } from '#directory/access/grants.ts'
import type { Impact } from '#directory/access/impact.ts'

const mostNamed = 10

/** What `members/impact` shows of a change that nobody has made yet: who would lose what. */
export function impactInWords({ people, apiKeys, counts }: Impact, catalogue: ReadonlyMap<string, string>) {
  const lost = ({ permissions, dataScopes }: Grants) => ({
    permissions: permissions.map((permission) => describePermission(permission, catalogue)),
    scopes: dataScopes.map(describeDataScope),
  })
  const named = people.slice(0, mostNamed)
  const keys = apiKeys.slice(0, mostNamed)
  return {
    people: named.map((one) => ({ name: one.user.name, email: one.user.email, lost: lost(one.lost) })),
    apiKeys: keys.map(({ name, user, lastUsedAt }) => ({ name, owner: user.name, lastUsedAt })),
    counts,
    more: { people: counts.people - named.length, apiKeys: counts.apiKeys - keys.length },
  }
}
