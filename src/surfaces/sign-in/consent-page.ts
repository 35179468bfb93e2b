import { readCatalogue } from '#directory/access/authorization-queries.ts'
import { brandOf } from '#directory/organizations/organization-brand.ts'
import { findActiveUser } from '#directory/users/user-queries.ts'
import type { Organization } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { formTargetOf } from '#foundation/http/form-target.ts'
import { type Message, message, type Text } from '#foundation/messages/message.ts'
import { newGrant, type OrganizationGrant } from '#protocol/provider/grant.ts'
import { chooseOrganization } from '#protocol/provider/organization-choice.ts'
import { finishStep, formTargets } from './interaction.ts'
import { requireSignedInUser } from './select-organization-page.ts'
import type { Step } from './step.ts'

interface Missing {
  missingOIDCScope?: string[]
  missingOIDCClaims?: string[]
  missingResourceScopes?: Record<string, string[]>
}

/** Asks before a client that is not first-party gets anything (RFC 6749 §10.2). */
export async function showConsent(step: Step): Promise<void> {
  const { ctx, interaction } = step
  const user = await requireSignedInUser(step)
  const organization = await requireOrganization(step, user.id)
  const { redirectUri } = interaction.request
  await step.render(
    ctx,
    'sign-in/consent',
    {
      userName: user.name,
      email: user.email,
      clientName: interaction.client.name,
      clientLogoUri: interaction.client.logoUri,
      policyUri: interaction.client.policyUri,
      termsUri: interaction.client.termsUri,
      organizationName: organization.name,
      abilities: await abilitiesOf(step),
      redirectOrigin: redirectUri && formTargetOf(redirectUri),
      action: `/interaction/${interaction.uid}/consent`,
      abortAction: `/interaction/${interaction.uid}/abort`,
      notYouUrl: `/interaction/${interaction.uid}?prompt=login`,
      brand: brandOf(organization),
    },
    { formAction: formTargets(interaction) },
  )
}

export async function postConsent(step: Step): Promise<void> {
  const { ctx, provider, interaction } = step
  const user = await requireSignedInUser(step)
  const organization = await requireOrganization(step, user.id)
  const session = await provider.Session.get(provider.createContext(ctx.req, ctx.res))
  const earlier: OrganizationGrant | undefined = interaction.grantId
    ? await provider.Grant.find(interaction.grantId)
    : undefined
  const grant =
    earlier?.organizationId === organization.id
      ? earlier
      : newGrant(provider, {
          accountId: user.id,
          clientId: interaction.client.clientId,
          organizationId: organization.id,
          sessionUid: session.uid,
        })
  addWhatWasMissing(grant, interaction.promptDetails)
  await finishStep(ctx, provider, { consent: { grantId: await grant.save() } })
}

function addWhatWasMissing(grant: OrganizationGrant, details: Missing): void {
  if (details.missingOIDCScope) grant.addOIDCScope(details.missingOIDCScope.join(' '))
  if (details.missingOIDCClaims) grant.addOIDCClaims(details.missingOIDCClaims)
  for (const [resource, scopes] of Object.entries(details.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '))
  }
}

async function requireOrganization({ db, interaction }: Step, userId: string): Promise<Organization> {
  const choice = await chooseOrganization(db, {
    user: await findActiveUser(db, userId),
    requested: interaction.request.organization,
    picked: interaction.pickedOrganizationId,
  })
  if (choice.outcome !== 'chosen')
    throw new GatehouseError('permission_denied', 'You do not belong to this organization.')
  return choice.organization
}

const abilityOfScope: Record<string, Message> = {
  openid: message('sign-in.consent.openid'),
  profile: message('sign-in.consent.profile'),
  email: message('sign-in.consent.email'),
  offline_access: message('sign-in.consent.offline_access'),
}

/** What the client asks for, in words: a permission is told by its description in the catalogue. */
async function abilitiesOf({ db, interaction }: Step): Promise<{ title: Text; detail: string }[]> {
  const details: Missing = interaction.promptDetails
  const asked = new Set([
    ...(details.missingOIDCScope ?? interaction.request.scopes),
    ...Object.values(details.missingResourceScopes ?? {}).flat(),
  ])
  if (asked.size === 0) return []
  const described = await readCatalogue(db)
  return [...asked].map((scope) => ({ title: abilityOfScope[scope] ?? (described.get(scope) || scope), detail: scope }))
}
