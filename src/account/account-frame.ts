import type { Queryable } from '../database/database.ts'
import type { Render } from '../http/render.ts'
import { brandOf } from '../organizations/organization-brand.ts'
import { listOrganizationsOfUser } from '../organizations/organization-queries.ts'
import type { AccountRequest } from './account-request.ts'
import type { SignedInUser } from './signed-in-user.ts'

/** An entry of the sidebar; the avatar menu has those that people look for there. */
interface Entry {
  label: string
  href: string
  inMenu: boolean
}

const entries: Entry[] = [
  { label: 'Profile', href: '/account/profile', inMenu: true },
  { label: 'Organizations', href: '/account/organizations', inMenu: false },
  { label: 'Sessions', href: '/account/sessions', inMenu: true },
  { label: 'Security', href: '/account/security', inMenu: true },
]

/** In the menu; whoever belongs to more finds them on the page of organizations. */
const mostInSwitch = 12

/** Renders pages of a signed-in person: the organization with its switch, the sidebar, the avatar menu. */
export function accountFrame(
  { db, render }: { db: Queryable; render: Render },
  { ctx, signedIn }: { ctx: AccountRequest['ctx']; signedIn: SignedInUser },
): AccountRequest['show'] {
  return async (view, { at, ...locals }, status = 200) => {
    const { user, organization } = signedIn
    const organizations = await listOrganizationsOfUser(db, user.id)
    const frame = {
      entries: entries.map((entry) => ({ ...entry, current: entry.href === at })),
      userName: user.name,
      email: user.email,
      initials: initialsOf(user.name),
      organizations: organizations
        .filter(({ id }) => id !== organization.id)
        .slice(0, mostInSwitch)
        .map((other) => ({ slug: other.slug, name: other.name, brand: brandOf(other) })),
    }
    await render(ctx, `account/${view}`, { ...locals, frame, brand: brandOf(organization) }, { status })
  }
}

/** `Ada King Lovelace` → `AL` */
function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/)
  const letters = [words[0], ...(words.length > 1 ? [words.at(-1)] : [])].map((word) => [...(word ?? '')][0] ?? '')
  return letters.join('').toUpperCase()
}
