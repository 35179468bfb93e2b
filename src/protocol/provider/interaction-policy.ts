import { errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider'
import { lacksRequiredConnection } from '#authentication/connections/required-connections.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { usedConnections } from '#protocol/library/session-connections.ts'
import { activeUserOf } from '#protocol/request/active-user.ts'
import { organizationChoice } from './organization-choice.ts'

const { Check, Prompt, base } = interactionPolicy

/** The order of prompts: sign in, then pick the organization, then consent. */
export function gatehouseInteractionPolicy(db: () => Queryable) {
  const policy = base()
  policy.get('login')?.checks.add(accountGone)
  policy.get('login')?.checks.add(connectionRequired(db))
  policy.add(selectOrganization(db), policy.indexOf(policy.get('consent')!))
  askNativeClientsUnlessFirstParty(policy)
  return policy
}

/** A session outlives the deactivation of its person; the person who sits there now may sign in. */
const accountGone = new Check(
  'account_gone',
  'the person who was signed in may not be any more',
  'login_required',
  (ctx) => ctx.oidc.session?.accountId !== undefined && ctx.oidc.account === undefined,
)

/**
 * An organization may ask for its own identity provider: a person signed in by another way signs in again through it
 * before acting there. In other organizations the same session goes on as it is.
 */
function connectionRequired(db: () => Queryable) {
  return new Check(
    'connection_required',
    'the organization asks for a sign-in through its own identity provider',
    'login_required',
    async (ctx) => (await organizationWantingConnection(ctx, db)) !== undefined,
    async (ctx) => ({ connection_required: await organizationWantingConnection(ctx, db) }),
  )
}

/** @returns the organization's id */
async function organizationWantingConnection(
  ctx: KoaContextWithOIDC,
  db: () => Queryable,
): Promise<string | undefined> {
  const { session } = ctx.oidc
  if (!session?.accountId) return undefined
  const choice = await organizationChoice(ctx, db)
  if (choice.outcome !== 'chosen') return undefined
  const user = await activeUserOf(ctx, db, session.accountId)
  const organizationId = choice.organization.id
  const lacks = user && (await lacksRequiredConnection(db(), { user, organizationId, used: usedConnections(session) }))
  return lacks ? organizationId : undefined
}

function selectOrganization(db: () => Queryable) {
  return new Prompt(
    { name: 'select_organization', requestable: false },
    new Check(
      'organization_needed',
      'the organization to act in is not known',
      'interaction_required',
      async (ctx) => {
        const { outcome } = await organizationChoice(ctx, db)
        if (outcome === 'refused') throw new errors.AccessDenied('the person does not belong to this organization')
        return outcome !== 'chosen'
      },
      async (ctx) => ({ outcome: (await organizationChoice(ctx, db)).outcome }),
    ),
  )
}

/** RFC 8252 §8.6 asks for a page before a native client gets anything; `first_party: true` waives it. */
function askNativeClientsUnlessFirstParty(policy: ReturnType<typeof base>): void {
  const checks = policy.get('consent')!.checks
  const { reason, description, error, check } = checks.get('native_client_prompt')!
  checks.remove(reason)
  checks.add(
    new Check(reason, description, error ?? 'consent_required', (ctx) => !ctx.oidc.client?.first_party && check(ctx)),
  )
}
