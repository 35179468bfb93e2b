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
  folder: 'account' | 'console' | 'operations'
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
    { label: message('page-kit.frame.applications'), href: '/account/applications' },
    { label: message('page-kit.frame.sessions'), href: '/account/sessions' },
    { label: message('page-kit.frame.security'), href: '/account/security' },
  ],
}

/** What an organization's administrators look after. */
const adminFamily: Family = {
  folder: 'console',
  label: message('page-kit.frame.organization_settings'),
  entries: [
    { label: message('page-kit.frame.overview'), href: '/admin' },
    { label: message('page-kit.frame.members'), href: '/admin/members' },
    { label: message('page-kit.frame.teams'), href: '/admin/teams' },
    { label: message('page-kit.frame.grants'), href: '/admin/grants' },
    { label: message('page-kit.frame.connections'), href: '/admin/connections' },
    { label: message('page-kit.frame.domains'), href: '/admin/domains' },
    { label: message('page-kit.frame.service_accounts'), href: '/admin/service-accounts' },
    { label: message('page-kit.frame.api_keys'), href: '/admin/api-keys' },
    { label: message('page-kit.frame.authentication_log'), href: '/admin/authentication-log' },
    { label: message('page-kit.frame.audit_log'), href: '/admin/audit-log' },
    { label: message('page-kit.frame.branding'), href: '/admin/branding' },
    { label: message('page-kit.frame.settings'), href: '/admin/settings' },
  ],
}

/** What superadmins look after, over all organizations. */
const deploymentFamily: Family = {
  folder: 'operations',
  label: message('page-kit.frame.deployment'),
  entries: [
    { label: message('page-kit.frame.health'), href: '/deployment' },
    { label: message('page-kit.frame.organizations'), href: '/deployment/organizations' },
    { label: message('page-kit.frame.people'), href: '/deployment/people' },
    { label: message('page-kit.frame.applications'), href: '/deployment/applications' },
    { label: message('page-kit.frame.permissions'), href: '/deployment/permissions' },
    { label: message('page-kit.frame.connections'), href: '/deployment/connections' },
    { label: message('page-kit.frame.signing_keys'), href: '/deployment/signing-keys' },
    { label: message('page-kit.frame.mail'), href: '/deployment/mail' },
    { label: message('page-kit.frame.audit_log'), href: '/deployment/audit-log' },
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

/** For the pages of the whole deployment, `views/operations/`. */
export const deploymentFrame = (parts: FrameParts, ctx: Koa.Context, signedIn: SignedInUser): Show =>
  frameOf(deploymentFamily, parts, ctx, signedIn)

function frameOf(family: Family, { db, render }: FrameParts, ctx: Koa.Context, signedIn: SignedInUser): Show {
  return async (view, { formTargets = [], ...locals }, status = 200) => {
    const { user, organization } = signedIn
    const [organizations, { isAdmin }] = await Promise.all([
      listOrganizationsOfUser(db, user.id),
      findActor(db, { user, organizationId: organization.id }),
    ])
    const frame = {
      label: family.label,
      across: acrossFrom(family, { isAdmin, isSuperadmin: user.superadmin }),
      visiting: family === adminFamily && !organizations.some(({ id }) => id === organization.id),
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
    // What is the whole deployment's is no organization's in particular.
    const brand = family === deploymentFamily ? undefined : brandOf(organization)
    await render(ctx, path, { frame, brand, ...locals }, { status, formAction })
  }
}

/** The other families that the person may go to. */
function acrossFrom(family: Family, { isAdmin, isSuperadmin }: { isAdmin: boolean; isSuperadmin: boolean }) {
  const doors = [
    { family: accountFamily, href: '/account/profile', test: 'to-account', isOpen: true },
    { family: adminFamily, href: '/admin', test: 'to-admin', isOpen: isAdmin },
    { family: deploymentFamily, href: '/deployment', test: 'to-deployment', isOpen: isSuperadmin },
  ]
  return doors
    .filter((door) => door.isOpen && door.family !== family)
    .map((door) => ({ label: door.family.label, href: door.href, test: door.test }))
}

/** `Ada King Lovelace` → `AL` */
function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/)
  const letters = [words[0], ...(words.length > 1 ? [words.at(-1)] : [])].map((word) => [...(word ?? '')][0] ?? '')
  return letters.join('').toUpperCase()
}
