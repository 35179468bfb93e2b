import type Koa from 'koa'
import { brandOf } from '#directory/organizations/organization-brand.ts'
import { listOrganizationsOfUser } from '#directory/organizations/organization-queries.ts'
import { findActor } from '#directory/users/actor.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { type Message, message } from '#foundation/messages/message.ts'
import type { Render } from './render.ts'
import type { SignedInUser } from './signed-in-user.ts'

/** An entry of a sidebar. */
interface Entry {
  label: Message
  href: string
}

/** What the sidebar of one family of pages holds; `folder` is where its views are. */
interface Family {
  folder: 'account' | 'console'
  /** Said of the sidebar to those who don't see it. */
  label: Message
  entries: Entry[]
}

/** A person's own pages, all of which the avatar menu has too. */
const accountFamily: Family = {
  folder: 'account',
  label: message('page-kit.frame.your_account'),
  entries: [
    { label: message('page-kit.frame.profile'), href: '/account/profile' },
    { label: message('page-kit.frame.api_keys'), href: '/account/api-keys' },
    { label: message('page-kit.frame.authentication_log'), href: '/account/authentication-log' },
    { label: message('page-kit.frame.organizations'), href: '/account/organizations' },
    { label: message('page-kit.frame.sessions'), href: '/account/sessions' },
    { label: message('page-kit.frame.security'), href: '/account/security' },
  ],
}

/** What an organization's administrators look after. */
const adminFamily: Family = {
  folder: 'console',
  label: message('page-kit.frame.organization_settings'),
  entries: [
    { label: message('page-kit.frame.api_keys'), href: '/admin/api-keys' },
    { label: message('page-kit.frame.authentication_log'), href: '/admin/authentication-log' },
  ],
}

/**
 * Renders a page in the frame of its family: the organization with its switch, the sidebar, the avatar menu.
 * @param view of the family's folder; `folder/view` for one that families share
 * @param locals.at path of the sidebar's entry that the page belongs to
 * @param locals.formTargets where forms of the page may end up besides ourselves
 */
export type Show = (
  view: string,
  locals: Record<string, unknown> & { at: string; formTargets?: readonly string[] },
  status?: number,
) => Promise<void>

interface FrameParts {
  db: Queryable
  render: Render
}

/** In the menu; a person who belongs to more finds them on the page of organizations. */
const mostInSwitch = 12

/** For the signed-in person's own pages, `views/account/`. */
export const accountFrame = (parts: FrameParts, ctx: Koa.Context, signedIn: SignedInUser): Show =>
  frameOf(accountFamily, parts, ctx, signedIn)

/** For the pages of an organization's administrators, `views/console/`. */
export const adminFrame = (parts: FrameParts, ctx: Koa.Context, signedIn: SignedInUser): Show =>
  frameOf(adminFamily, parts, ctx, signedIn)

function frameOf(family: Family, { db, render }: FrameParts, ctx: Koa.Context, signedIn: SignedInUser): Show {
  return async (view, { formTargets = [], ...locals }, status = 200) => {
    const { user, organization } = signedIn
    const [organizations, { isAdmin }] = await Promise.all([
      listOrganizationsOfUser(db, user.id),
      findActor(db, { user, organizationId: organization.id }),
    ])
    const frame = {
      label: family.label,
      isAdmin,
      isAdminPage: family === adminFamily,
      entries: family.entries.map((entry) => ({ ...entry, current: entry.href === locals.at })),
      menu: accountFamily.entries,
      userName: user.name,
      email: user.email,
      initials: initialsOf(user.name),
      organizations: organizations
        .filter(({ id }) => id !== organization.id)
        .slice(0, mostInSwitch)
        .map((other) => ({ slug: other.slug, name: other.name, brand: brandOf(other) })),
    }
    const path = view.includes('/') ? view : `${family.folder}/${view}`
    const formAction = [...signedIn.signOutTargets, ...formTargets]
    await render(ctx, path, { ...locals, frame, brand: brandOf(organization) }, { status, formAction })
  }
}

/** `Ada King Lovelace` → `AL` */
function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/)
  const letters = [words[0], ...(words.length > 1 ? [words.at(-1)] : [])].map((word) => [...(word ?? '')][0] ?? '')
  return letters.join('').toUpperCase()
}
