import { anyUpstreamTarget, upstreamTargets } from '#authentication/connections/connection-addresses.ts'
import { haveOrganizationsConnections } from '#authentication/connections/connection-queries.ts'
import { type SignInWays, waysFor, waysInto } from '#authentication/connections/home-realm.ts'
import { listRequiredConnections } from '#authentication/connections/required-connections.ts'
import { signUpPage, takesSignUps } from '#authentication/joining/sign-up.ts'
import { builtInClientId } from '#directory/clients/built-in-client.ts'
import { brandOfAsked } from '#directory/organizations/organization-brand.ts'
import { findOrganization } from '#directory/organizations/organization-queries.ts'
import { findActiveUser } from '#directory/users/user-queries.ts'
import type { Connection, Organization } from '#foundation/database/schema.ts'
import { message, type Text } from '#foundation/messages/message.ts'
import { passwordVersion } from '#protocol/library/outdated-logins.ts'
import { tryEnteredPassword } from '#surfaces/page-kit/entered-password.ts'
import { connectionButtons, findAskedConnection, goToConnection, renderConnections } from './connection-page.ts'
import { finishStep, formTargets } from './interaction.ts'
import { leaveFor } from './leave-page.ts'
import type { Step } from './step.ts'

const longestEmail = 254

/**
 * Identifier first: the page asks for the e-mail address, so that it can decide how its owner signs in. Where a page of
 * our own has asked for it already (an organization's login page, "confirm that it's you"), it is not asked again.
 *
 * `?prompt=login` starts anew for another person; `?way=password` asks for address and password, wherever the address's
 * domain would lead: when an identity provider is broken, a superadmin has to get in.
 */
export async function showLogin(step: Step): Promise<void> {
  const { interaction } = step
  const email = loginHint(step)
  const { prompt, way } = step.ctx.query
  const wantsAnother = prompt === 'login' || way === 'password'
  if (!wantsAnother) {
    if (typeof interaction.promptDetails.connection_required === 'string') return showRequiredConnections(step)
    const { connection: asked } = interaction.request
    const connection = asked === undefined ? undefined : await findAskedConnection(step, asked)
    if (connection) return leaveFor(step, connection)
    if (email !== '' && interaction.client.clientId === builtInClientId) return showWaysOf(step, email, leaveFor)
  }
  await renderLogin(step, { email: prompt === 'login' ? '' : email })
}

/** An address alone goes on to how its owner signs in; with a password it signs in. */
export async function postLogin(step: Step): Promise<void> {
  const email = (step.form.email ?? '').trim()
  const password = step.form.password
  if (!looksLikeEmail(email)) {
    await renderLogin(step, { email, error: message('page-kit.not_an_address') }, 422)
    return
  }
  if (password === undefined) {
    await showWaysOf(step, email, goToConnection)
    return
  }
  await signIn(step, email, password)
}

/** Straight to the one identity provider that an address has to go to, to a choice of several, or to the password. */
async function showWaysOf(step: Step, email: string, goTo: typeof goToConnection): Promise<void> {
  const ways = await waysFor(step.db, { email, named: step.interaction.request.organization })
  const [first, ...others] = ways.connections
  if (!ways.required || !first || wantsPassword(step)) return renderPassword(step, { email }, 200, ways)
  if (others.length === 0) return goTo(step, first, email)
  const organization = await findOrganization(step.db, first.organizationId ?? '')
  await renderConnections(step, { organization, connections: ways.connections }, email)
}

/** A person is signed in, by a way that the organization they have chosen does not take. */
async function showRequiredConnections(step: Step): Promise<void> {
  const { db, interaction } = step
  const id = String(interaction.promptDetails.connection_required)
  const [organization, connections, user] = await Promise.all([
    findOrganization(db, id),
    listRequiredConnections(db, id),
    findActiveUser(db, interaction.userId ?? ''),
  ])
  await renderConnections(step, { organization, connections }, user?.email)
}

async function signIn(step: Step, email: string, password: string): Promise<void> {
  const { ctx, provider, interaction, knownBrowser } = step
  const { client, request } = interaction
  const entered = { email, password, clientId: client.clientId, organization: request.organization }
  const attempt = await tryEnteredPassword(step, ctx, entered)
  if (attempt.outcome === 'refused') {
    await renderPassword(step, { email, error: attempt.message }, attempt.status)
    return
  }
  knownBrowser.remember(ctx, email)
  const { user } = attempt
  const login = { accountId: user.id, amr: ['pwd'], remember: true, passwordVersion: passwordVersion(user) }
  await finishStep(ctx, provider, { login })
}

async function renderLogin(step: Step, locals: { email: string; error?: Text }, status = 200): Promise<void> {
  const { db, interaction } = step
  const named = interaction.request.organization
  const ways = await waysInto(db, named === undefined ? undefined : await findOrganization(db, named))
  const passwordOnly = wantsPassword(step)
  const elsewhere = passwordOnly ? [] : await targetsOfAnyAddress(step)
  const more = {
    passwordOnly,
    emailAllowed: passwordOnly || !ways.required,
    ssoUrl: ways.required ? undefined : `/interaction/${interaction.uid}/sso`,
    anotherWayUrl: ways.required ? `/interaction/${interaction.uid}?way=password` : undefined,
  }
  await renderStep(step, 'sign-in/login', { ...locals, ...more }, { status, ways, targets: elsewhere })
}

/**
 * An address leads straight to the identity provider that its domain's organization requires, whichever that is: the one
 * page with `https:` for providers that have no button on it. Not where an organization is named, since then no other's
 * connection follows, nor where none is required.
 */
async function targetsOfAnyAddress({ db, interaction, outboundAllowedHosts }: Step): Promise<string[]> {
  if (interaction.request.organization !== undefined) return []
  return (await haveOrganizationsConnections(db, 'required')) ? anyUpstreamTarget(outboundAllowedHosts) : []
}

async function renderPassword(
  step: Step,
  locals: { email: string; error?: Text },
  status = 200,
  known?: SignInWays,
): Promise<void> {
  const ways = known ?? (await waysFor(step.db, { email: locals.email, named: step.interaction.request.organization }))
  await renderStep(step, 'sign-in/password', locals, { status, ways, targets: [] })
}

async function renderStep(
  step: Step,
  view: string,
  locals: { email: string; error?: Text; [more: string]: unknown },
  { status, ways, targets }: { status: number; ways: { connections: Connection[] }; targets: string[] },
): Promise<void> {
  const { ctx, interaction, db } = step
  const asked = interaction.request.organization
  const organization = asked === undefined ? undefined : await findOrganization(db, asked)
  const brand = asked === undefined ? undefined : brandOfAsked(asked, organization)
  // At an organization's own address that is where one goes, not to a client that no one has heard of.
  const isOurs = interaction.client.clientId === builtInClientId
  await step.render(
    ctx,
    view,
    {
      ...locals,
      ...connectionButtons(interaction, ways.connections),
      clientName: (isOurs && brand?.name) || interaction.client.name,
      confirms:
        confirms(step) &&
        message(isOurs ? 'sign-in.confirm.ours' : 'sign-in.confirm.lead', { client: interaction.client.name }),
      action: `/interaction/${interaction.uid}/login`,
      notYouUrl: `/interaction/${interaction.uid}?prompt=login`,
      forgotUrl: '/reset-password',
      signUpUrl: await signUpUrlOf(step, organization),
      // Who came by an organization's own address is not asked for its name again.
      links: asked === undefined ? linksToOrganizations : undefined,
      brand,
    },
    { status, formAction: [...formTargets(interaction), ...upstreamTargets(ways.connections), ...targets] },
  )
}

/** Somebody is signed in, and is asked to prove once more who they are. */
function confirms({ interaction, ctx }: Step): boolean {
  return interaction.userId !== undefined && ctx.query.prompt !== 'login'
}

async function signUpUrlOf({ db, signUp }: Step, named: Organization | undefined): Promise<string | undefined> {
  if (named && (await takesSignUps(db, named))) return signUpPage(named)
  return signUp === 'open' ? signUpPage(undefined) : undefined
}

const linksToOrganizations = [
  { label: message('page-kit.sign_in_to_organization'), href: '/organizations', test: 'to-organization' },
  { label: message('page-kit.forgot_organization'), href: '/organizations/forgot', test: 'forgot-organization' },
]

/** The page of `?way=password` says so in its form. */
function wantsPassword({ ctx, form }: Step): boolean {
  return ctx.query.way === 'password' || form.way === 'password'
}

function loginHint({ interaction }: Step): string {
  const { loginHint: hint = '' } = interaction.request
  return looksLikeEmail(hint) ? hint : ''
}

function looksLikeEmail(value: string): boolean {
  return value.length <= longestEmail && /^[^\s@]+@[^\s@]+$/.test(value)
}
