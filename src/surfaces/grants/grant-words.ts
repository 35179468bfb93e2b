import { describeDataScope, describePermission } from '#directory/access/describe-authorization.ts'
import type { Grants } from '#directory/access/grants.ts'

/** A change as a list: what is taken away and what is given, each as it is written and in words. */
export function changeInWords(catalogue: ReadonlyMap<string, string>) {
  const all = ({ permissions, dataScopes }: Grants) => [
    ...permissions.map((name) => ({ name, title: describePermission(name, catalogue) })),
    ...dataScopes.map((scope) => ({ name: describeDataScope(scope), title: undefined })),
  ]
  return ({ removed, added }: { removed: Grants; added: Grants }) => ({ removed: all(removed), added: all(added) })
}
