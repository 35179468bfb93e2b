import type Koa from 'koa'
import { connectionLabel } from '#authentication/connections/connection.ts'
import { upstreamTargets } from '#authentication/connections/connection-addresses.ts'
import { waysInto } from '#authentication/connections/home-realm.ts'
import { signUpPage, takesSignUps } from '#authentication/joining/sign-up.ts'
import type { DiscoverOrganizations } from '#directory/organizations/discover-organizations.ts'
import { slugOf } from '#directory/organizations/found-organization.ts'
import { brandOfAsked } from '#directory/organizations/organization-brand.ts'
import { findOrganizationByName } from '#directory/organizations/organization-names.ts'
import { findOrganization } from '#directory/organizations/organization-queries.ts'
import { isStorable, type Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { ClientAddress } from '#foundation/http/client-address.ts'
import type { Form } from '#foundation/http/read-form.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message, type Text } from '#foundation/messages/message.ts'
import { emailAddress, emailKey } from '#foundation/values/email-address.ts'
import { organizationSlug } from '#foundation/values/names.ts'
import type { Csrf } from '#surfaces/page-kit/csrf.ts'
import { postedForm } from '#surfaces/page-kit/posted-form.ts'
import type { Render } from '#surfaces/page-kit/render.ts'
import { authorizationRequest, type UserOfBrowser } from '#surfaces/page-kit/signed-in-user.ts'
import type { UpstreamTransactions } from '#surfaces/sign-in/upstream-transactions.ts'

export interface OrganizationPageParts {
  issuer: string
  db: Queryable
  userOfBrowser: UserOfBrowser
  render: Render
  csrf: Csrf
  clientAddress: ClientAddress
  discoverOrganizations: DiscoverOrganizations
  upstreamTransactions: UpstreamTransactions
}

/** Pages for people who are not signed in yet: naming one's organization, asking for its name, its own login page. */
export function organizationPages(parts: OrganizationPageParts): Route[] {
  const { render, csrf } = parts
  const post =
    (handle: (ctx: Koa.Context, parts: OrganizationPageParts, form: Form) => Promise<void>) =>
    async (ctx: Koa.Context) =>
      handle(ctx, parts, await postedForm(ctx, csrf))
  return [
    ['GET', '/organizations', (ctx) => render(ctx, 'joining/organization-name', { name: '' })],
    ['POST', '/organizations', post(goToOrganization)],
    ['GET', '/organizations/forgot', (ctx) => render(ctx, 'joining/forgot-organization', { email: '' })],
    ['POST', '/organizations/forgot', post(mailOrganizations)],
    ['GET', '/o/:slug', (ctx) => openLogin(ctx, parts)],
    ['POST', '/o/:slug', post(postLogin)],
  ]
}

async function openLogin(ctx: Koa.Context, parts: OrganizationPageParts): Promise<void> {
  const slug = requireSlug(ctx)
  if (slug) await showLogin(ctx, parts, { slug, email: '' })
}

async function postLogin(ctx: Koa.Context, parts: OrganizationPageParts, form: Form): Promise<void> {
  const slug = requireSlug(ctx)
  if (slug) await signIn(ctx, parts, { slug, email: form.email, connection: form.connection })
}

const byMail = [
  { label: message('joining.name.by_mail'), href: '/organizations/forgot', test: 'forgot-organization' },
  { label: message('page-kit.sign_in_without_name'), href: '/account', test: 'to-sign-in' },
]

/**
 * An unknown name goes on like any other, as the slug that it would be: whether a person may sign in there is said after
 * the password. Of a name that several have only the mailbox tells which is meant, or one organization would take over
 * another's people by its name.
 */
async function goToOrganization(ctx: Koa.Context, { db, render }: OrganizationPageParts, form: Form): Promise<void> {
  const name = (form.organization ?? '').trim()
  if (!name || name.length > 200 || !isStorable(name)) {
    const error = message('page-kit.no_name_entered')
    await render(ctx, 'joining/organization-name', { name, error }, { status: 422 })
    return
  }
  const named = await findOrganizationByName(db, name)
  if (named.outcome !== 'ambiguous') {
    return seeOther(ctx, `/o/${named.outcome === 'found' ? named.organization.slug : slugFor(name)}`)
  }
  const error = message('joining.name.ambiguous')
  await render(ctx, 'joining/organization-name', { name, error, links: byMail }, { status: 422 })
}

function slugFor(name: string): string {
  const lower = name.toLowerCase()
  return organizationSlug.safeParse(lower).success ? lower : slugOf(name)
}

async function mailOrganizations(ctx: Koa.Context, parts: OrganizationPageParts, form: Form): Promise<void> {
  const typed = form.email ?? ''
  const { render, clientAddress, discoverOrganizations } = parts
  const address = emailAddress.safeParse(typed)
  if (!address.success) {
    const error = message('page-kit.not_an_address')
    await render(ctx, 'joining/forgot-organization', { email: typed, error }, { status: 422 })
    return
  }
  await discoverOrganizations({ email: address.data, ip: clientAddress(ctx.req) })
  await render(ctx, 'joining/forgot-organization', { email: address.data, sent: true }, { status: 202 })
}

/** @returns undefined when the browser was sent to the one spelling that an address of ours has */
function requireSlug(ctx: Koa.Context): string | undefined {
  const slug = String(ctx.params.slug)
  const lower = slug.toLowerCase()
  if (!organizationSlug.safeParse(lower).success) {
    throw new GatehouseError('not_found', 'There is nothing at this address.')
  }
  if (slug === lower) return slug
  seeOther(ctx, `/o/${lower}`)
  return undefined
}

/** The organization's own login page. An unknown name gets the page of one that has chosen no look. */
async function showLogin(
  ctx: Koa.Context,
  parts: OrganizationPageParts,
  { slug, email, error }: { slug: string; email: string; error?: Text },
  status?: number,
): Promise<void> {
  const { db, render } = parts
  const user = await parts.userOfBrowser(ctx)
  const organization = await findOrganization(db, slug)
  const { connections, required } = await waysInto(db, organization)
  await render(
    ctx,
    'joining/organization-login',
    {
      email,
      error,
      action: `/o/${slug}`,
      connections: connections.map((connection) => ({ handle: connection.handle, label: connectionLabel(connection) })),
      passwordAllowed: !required,
      signedIn: user && { name: user.name, email: user.email },
      signUpUrl: organization && (await takesSignUps(db, organization)) ? signUpPage(organization) : undefined,
      brand: brandOfAsked(slug, organization),
    },
    { status: status ?? 200, formAction: upstreamTargets(connections) },
  )
}

/** Begins an ordinary sign-in with the organization preset, so it is never asked for. */
async function signIn(
  ctx: Koa.Context,
  parts: OrganizationPageParts,
  { slug, email = '', connection }: { slug: string; email: string | undefined; connection: string | undefined },
): Promise<void> {
  const user = await parts.userOfBrowser(ctx)
  if (connection !== undefined) {
    // A signed-in person who presses another button wants to go that way.
    const way = { organization: slug, connection: connection.slice(0, 100) }
    parts.upstreamTransactions.choose(ctx, way)
    const more = { ...way, ...(user && { prompt: 'login' }) }
    return seeOther(ctx, authorizationRequest(parts.issuer, '/account', more))
  }
  const address = emailAddress.safeParse(email)
  if (!address.success) {
    const error = message('page-kit.not_an_address')
    return showLogin(ctx, parts, { slug, email, error }, 422)
  }
  // A signed-in person who names another wants to sign in as that one.
  const isAnother = user !== undefined && emailKey(user.email) !== emailKey(address.data)
  parts.upstreamTransactions.choose(ctx, { organization: slug, email: address.data })
  const more = { organization: slug, login_hint: address.data, ...(isAnother && { prompt: 'login' }) }
  seeOther(ctx, authorizationRequest(parts.issuer, '/account', more))
}
