import type Koa from 'koa'
import { errors, type Provider } from 'oidc-provider'
import { GatehouseError } from '#foundation/errors.ts'
import { formTargetOf } from '#foundation/http/form-target.ts'
import { keepUiLocales } from '#foundation/http/request-language.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import type { SessionConnection } from '#protocol/library/session-connections.ts'
import { type AuthorizationRequest, readAuthorizationRequest } from './authorization-request.ts'

/** What every page of an authorization request knows. */
export interface Interaction {
  uid: string
  prompt: 'login' | 'select_organization' | 'consent'
  request: AuthorizationRequest
  client: {
    clientId: string
    name: string
    logoUri: string | undefined
    policyUri: string | undefined
    termsUri: string | undefined
    firstParty: boolean
  }
  /** The person who is signed in so far. */
  userId: string | undefined
  grantId: string | undefined
  promptDetails: Record<string, unknown>
  /** Id of the organization that the person picked in an earlier step. */
  pickedOrganizationId: string | undefined
  /** Sealed: who came back from an identity provider, and must prove an account first. */
  pendingIdentity: string | undefined
  /** A finished sign-in that waits until the person has agreed to replace the one who is signed in. */
  heldLogin: InteractionResult | undefined
}

/** What a finished step tells oidc-provider. */
export interface InteractionResult {
  login?: {
    accountId: string
    amr?: string[]
    remember: boolean
    /** When the person proved who they are, where that wasn't just now: seconds since the epoch. */
    ts?: number
    /** See `protocol/library/outdated-logins.ts`. */
    passwordVersion: string | null
    connection?: SessionConnection
  }
  select_organization?: { organizationId: string }
  consent?: { grantId: string }
  error?: string
  error_description?: string
}

/**
 * The interaction of this request. It is bound to the browser that began it: the library reads its id from a signed
 * cookie, and the address must name the same.
 * @throws GatehouseError not_found when it has ended, or another browser began it
 */
export async function requireInteraction(
  ctx: Koa.Context,
  provider: Provider,
  uid: string = ctx.params.uid,
): Promise<Interaction> {
  const details = await interactionDetails(ctx, provider)
  if (details.uid !== uid) throw new InteractionEnded()
  const { params, prompt, session, grantId, lastSubmission } = details
  const request = readAuthorizationRequest(params)
  keepUiLocales(ctx, request.uiLocales)
  const client = await provider.Client.find(request.clientId)
  if (!client) throw new InteractionEnded()
  const picked = lastSubmission?.select_organization as { organizationId: string } | undefined
  const kept = details.result as KeptWithInteraction | undefined
  return {
    uid: details.uid,
    prompt: prompt.name as Interaction['prompt'],
    request,
    client: {
      clientId: client.clientId,
      name: client.clientName ?? client.clientId,
      logoUri: client.logoUri,
      policyUri: client.policyUri,
      termsUri: client.tosUri,
      firstParty: client.first_party === true,
    },
    userId: session?.accountId,
    grantId,
    promptDetails: prompt.details,
    pickedOrganizationId: picked?.organizationId,
    pendingIdentity: kept?.pending_identity,
    heldLogin: kept?.held_login,
  }
}

/** Who came back from an identity provider, and has to do something yet. */
interface KeptWithInteraction {
  pending_identity?: string
  held_login?: InteractionResult
}

/** Keeps it for a later request of this interaction. */
export async function keepWithInteraction(
  ctx: Koa.Context,
  provider: Provider,
  kept: KeptWithInteraction,
): Promise<void> {
  // Without what was submitted before, in which a person may have been signed in already.
  await provider.interactionResult(ctx.req, ctx.res, { ...kept }, { mergeWithLastSubmission: false })
}

/**
 * Ends a step and sends the browser on to the next one, or to the client. `login` starts anew: what an earlier person
 * picked or consented to in this interaction is not carried over.
 */
export async function finishStep(ctx: Koa.Context, provider: Provider, result: InteractionResult): Promise<void> {
  const mergeWithLastSubmission = result.login === undefined
  const location = await provider.interactionResult(ctx.req, ctx.res, { ...result }, { mergeWithLastSubmission })
  seeOther(ctx, location)
}

/** Where the browser may be sent from a form of this interaction. */
export function formTargets({ request: { redirectUri } }: Pick<Interaction, 'request'>): string[] {
  return redirectUri === undefined ? [] : [formTargetOf(redirectUri)]
}

async function interactionDetails(ctx: Koa.Context, provider: Provider) {
  try {
    return await provider.interactionDetails(ctx.req, ctx.res)
  } catch (error) {
    if (error instanceof errors.SessionNotFound) throw new InteractionEnded()
    throw error
  }
}

/** A page says so in its own words, and leads on. */
export class InteractionEnded extends GatehouseError {
  constructor() {
    super(
      'not_found',
      'This sign-in has ended, or was started in another browser. Go back to the application and sign in again.',
    )
  }
}
