import { skeletonsOf } from '#directory/organizations/organization-names.ts'
import { notice, type Planning } from './planning.ts'

/**
 * Says which of the file's organizations look like others by name or slug. They are made all the same: the operator may
 * well have two of one name, and a stranger who signed up first must not keep a deployment from starting.
 * @param ids by slug, without organizations that are left alone
 */
export function noticeLookAlikes(planning: Planning, ids: ReadonlyMap<string, string>): void {
  const { current, setup } = planning
  const entries = setup.values.organizations ?? []
  const written = entries.filter(({ slug }) => ids.has(slug))
  const slugs = new Set(written.map(({ slug }) => slug))
  const named = [
    ...written.map(({ slug, name }) => ({ slug, name: name ?? current.organizations.get(slug)?.name ?? slug })),
    ...current.lookAlikes.filter(({ slug }) => !slugs.has(slug)),
  ].map((organization) => ({ slug: organization.slug, skeletons: skeletonsOf(organization) }))
  const slugsBySkeleton = new Map<string, string[]>()
  for (const { slug, skeletons } of named) {
    for (const skeleton of skeletons) slugsBySkeleton.set(skeleton, [...(slugsBySkeleton.get(skeleton) ?? []), slug])
  }
  for (const { slug, skeletons } of named.filter((organization) => slugs.has(organization.slug))) {
    const alike = new Set(skeletons.flatMap((skeleton) => slugsBySkeleton.get(skeleton) ?? []))
    alike.delete(slug)
    if (alike.size === 0) continue
    const path = ['organizations', entries.findIndex((entry) => entry.slug === slug)]
    const others = [...alike].sort().join(', ')
    notice(planning, path, `organization ${slug} is named like ${others}: that name, typed, leads to none of them`)
  }
}
