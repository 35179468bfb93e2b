import { invitationPage } from '#authentication/joining/invite-member.ts'
import { builtInClientId } from '#directory/clients/built-in-client.ts'
import { brandOf } from '#directory/organizations/organization-brand.ts'
import { findOrganizationForUser, type OrganizationOption } from '#directory/organizations/organization-queries.ts'
import { findActiveUser } from '#directory/users/user-queries.ts'
import type { User } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { chooseOrganization } from '#protocol/provider/organization-choice.ts'
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
  const choice = await chooseOrganization(db, { userId: user.id, requested: undefined, picked: undefined })
  const common = {
    userName: user.name,
    email: user.email,
    clientName: interaction.client.name,
    notYouUrl: `/interaction/${interaction.uid}?prompt=login`,
    abortAction: `/interaction/${interaction.uid}/abort`,
  }
  const options = { formAction: formTargets(interaction) }
  if (choice.outcome === 'none') {
    await step.render(ctx, 'sign-in/no-organization', common, options)
    return
  }
  const organizations = choice.outcome === 'ambiguous' ? choice.organizations.map(toRow) : []
  const action = `/interaction/${interaction.uid}/organization`
  await step.render(ctx, 'sign-in/select-organization', { ...common, organizations, action }, options)
}

/** The membership is checked again: the page may be old, and the form may say anything. */
export async function postOrganization(step: Step): Promise<void> {
  const user = await requireSignedInUser(step)
  const organization = await findOrganizationForUser(step.db, user, step.form.organization ?? '')
  if (!organization) throw new GatehouseError('not_found', 'You do not belong to that organization.')
  await finishStep(step.ctx, step.provider, { select_organization: { organizationId: organization.id } })
}

/** Who signed in to accept an invitation may have no organization yet; which one they act in, the invitation says. */
function answersInvitation({ interaction }: Step): boolean {
  return interaction.client.clientId === builtInClientId && interaction.params.state === invitationPage
}

export async function requireSignedInUser({ db, interaction }: Pick<Step, 'db' | 'interaction'>): Promise<User> {
  const user = interaction.userId ? await findActiveUser(db, interaction.userId) : undefined
  if (!user) throw new GatehouseError('authentication_required', 'Sign in again to go on.')
  return user
}

function toRow(organization: OrganizationOption) {
  const { id, slug, name, admin, teamCount } = organization
  const teams = teamCount === 1 ? '1 team' : `${teamCount} teams`
  return { id, slug, name, detail: admin ? 'admin' : teams, brand: brandOf(organization) }
}
