import { readCatalogue } from '#directory/access/authorization-queries.ts'
import { describeDataScope } from '#directory/access/describe-authorization.ts'
import type { Grants } from '#directory/access/grants.ts'
import { type GrantHolder, grantsPath } from './grant-holder.ts'
import { changeInWords } from './grant-words.ts'
import type { HolderRequest } from './show-grants.ts'

const mostNamed = 20

/** Says who would lose what, and keeps the form for the answer. */
export async function askToTakeAway(
  { db, form, show }: HolderRequest,
  holder: GrantHolder,
  change: { removed: Grants; added: Grants },
): Promise<void> {
  const [catalogue, impact] = await Promise.all([readCatalogue(db), holder.impactOf(change.removed, change.added)])
  const { people, apiKeys, serviceAccounts, counts } = impact
  const lost = (grants: Grants) => [...grants.permissions, ...grants.dataScopes.map(describeDataScope)]
  const ofPeople = people.slice(0, mostNamed)
  const ofKeys = apiKeys.slice(0, mostNamed)
  await show('grants/take-away', {
    at: grantsPath,
    holder,
    change: changeInWords(catalogue)(change),
    people: ofPeople.map(({ user, lost: grants }) => ({ ...user, lost: lost(grants) })),
    apiKeys: ofKeys.map(({ name, user, lost: grants, lastUsedAt }) => ({ name, user, lost: lost(grants), lastUsedAt })),
    serviceAccounts: serviceAccounts.map(({ lost: grants, lastUsedAt }) => ({ lost: lost(grants), lastUsedAt })),
    more: { people: counts.people - ofPeople.length, apiKeys: counts.apiKeys - ofKeys.length },
    fields: Object.entries(form).filter(([name]) => /^(seen|source|scope_id|(may|drop|add):.*)$/s.test(name)),
  })
}
