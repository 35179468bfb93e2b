import { listOrganizationsWithRequiredConnection } from '#authentication/connections/required-connections.ts'
import { foundFirstOrganization } from '#authentication/joining/found-own-organization.ts'
import { invitationPage } from '#authentication/joining/invite-member.ts'
import { builtInClientId } from '#directory/clients/built-in-client.ts'
import { brandOf } from '#directory/organizations/organization-brand.ts'
import {
  findOrganizationForUser,
  listSuspendedOrganizationsOfUser,
  type OrganizationOption,
} from '#directory/organizations/organization-queries.ts'
import { findActiveUser } from '#directory/users/user-queries.ts'
import type { Organization, User } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message } from '#foundation/messages/message.ts'
import { chooseOrganization } from '#protocol/provider/organization-choice.ts'
import { fieldErrors, noErrors } from '#surfaces/page-kit/form-problems.ts'
import { finishStep, formTargets } from './interaction.ts'
import type { Step } from './step.ts'

/** The chooser, or the page that says that there is nothing to choose from. */
export async function showOrganizations(step: Step): Promise<void> {
  const { ctx, interaction, db } = step
  const user = await requireSignedInUser(step)
  if (answersInvitation(step)) {
    seeOther(ctx, invitationPage)
    return
  }
  const choice = await chooseOrganization(db, { user, requested: undefined, picked: undefined })
  // The person may have got their first organization, or all but one suspended, since this prompt was decided on.
  if (choice.outcome === 'chosen') return finishIn(step, choice.organization)
  if (choice.outcome !== 'ambiguous') return showNoOrganization(step, user)
  const { organizations } = choice
  const asked = typeof ctx.query.q === 'string' ? ctx.query.q.trim() : ''
  const found = organizations.filter(({ name, slug }) => [name, slug].some((text) => beginsWith(text, asked)))
  const ssoIds = new Set(
    await listOrganizationsWithRequiredConnection(
      db,
      found.map(({ id }) => id),
    ),
  )
  const locals = {
    ...localsOf(step, user),
    organizations: found.map((organization) => toRow(organization, ssoIds.has(organization.id))),
    search: organizations.length > fewestToSearch ? { q: asked, action: `/interaction/${interaction.uid}` } : undefined,
    action: `/interaction/${interaction.uid}/organization`,
  }
  await step.render(ctx, 'sign-in/select-organization', locals, { formAction: formTargets(interaction) })
}

/** Fewer are found by looking. */
const fewestToSearch = 10

function beginsWith(text: string, beginning: string): boolean {
  const words = text.toLowerCase().split(/\s+/)
  return words.some((_, index) => words.slice(index).join(' ').startsWith(beginning.toLowerCase()))
}

/** The ways on for a person who has nowhere to act: found an organization, be invited, sign in as another. */
async function showNoOrganization(step: Step, user: User, problems = noErrors): Promise<void> {
  const { ctx, db, interaction, form } = step
  const locals = {
    ...localsOf(step, user),
    suspended: await listSuspendedOrganizationsOfUser(db, user.id),
    foundAction: mayFound(step, user) ? `/interaction/${interaction.uid}/new-organization` : undefined,
    organization: form.organization ?? '',
    error: problems.errors.organization,
    abortAction: `/interaction/${interaction.uid}/abort`,
    signOutUrl: '/oauth/logout',
  }
  const options = { status: problems.status, formAction: formTargets(interaction) }
  await step.render(ctx, 'sign-in/no-organization', locals, options)
}

/**
 * As when signing up: where that is open, whose mailbox is proven may found an organization. A superadmin may anyway: who
 * comes to this page as one has a deployment without any.
 */
function mayFound({ signUp }: Step, user: User): boolean {
  return user.superadmin || (signUp === 'open' && user.emailVerifiedAt !== null)
}

/** Founds the person's organization and goes on in it, or in the one that they have got meanwhile. */
export async function postNewOrganization(step: Step): Promise<void> {
  const { ctx, db, form, interaction } = step
  const user = await requireSignedInUser(step)
  if (!mayFound(step, user)) throw new GatehouseError('not_found', 'There is nothing at this address.')
  const problems = await fieldErrors(async () => {
    const founded = await foundFirstOrganization(db, { name: form.organization ?? '', founder: user })
    const choice = await chooseOrganization(db, { user, requested: undefined, picked: founded?.id })
    if (choice.outcome !== 'chosen') return seeOther(ctx, `/interaction/${interaction.uid}`)
    await finishIn(step, choice.organization)
  })
  if (problems) await showNoOrganization(step, user, problems)
}

function localsOf({ interaction }: Step, user: User) {
  return {
    userName: user.name,
    email: user.email,
    clientName: interaction.client.name,
    notYouUrl: `/interaction/${interaction.uid}?prompt=login`,
  }
}

/** The membership is checked again: the page may be old, and the form may say anything. */
export async function postOrganization(step: Step): Promise<void> {
  const user = await requireSignedInUser(step)
  const organization = await findOrganizationForUser(step.db, user, step.form.organization ?? '')
  if (!organization) throw new GatehouseError('not_found', 'You do not belong to that organization.')
  await finishIn(step, organization)
}

function finishIn({ ctx, provider }: Step, { id }: Pick<Organization, 'id'>): Promise<void> {
  return finishStep(ctx, provider, { select_organization: { organizationId: id } })
}

/** Who signed in to accept an invitation may have no organization yet; which one they act in, the invitation says. */
function answersInvitation({ interaction }: Step): boolean {
  return interaction.client.clientId === builtInClientId && interaction.request.state === invitationPage
}

export async function requireSignedInUser({ db, interaction }: Pick<Step, 'db' | 'interaction'>): Promise<User> {
  const user = interaction.userId ? await findActiveUser(db, interaction.userId) : undefined
  if (!user) throw new GatehouseError('authentication_required', 'Sign in again to go on.')
  return user
}

function toRow(organization: OrganizationOption, byConnection: boolean) {
  const { id, slug, name, admin, teamCount } = organization
  const role = admin ? message('sign-in.choose.admin') : message('sign-in.choose.teams', { count: teamCount })
  const details = [role, ...(byConnection ? [message('sign-in.choose.sso')] : [])]
  return { id, slug, name, details, brand: brandOf(organization) }
}
