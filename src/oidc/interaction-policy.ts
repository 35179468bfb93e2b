import { errors, interactionPolicy } from 'oidc-provider'
import type { Queryable } from '../database/database.ts'
import { organizationChoice } from './organization-choice.ts'

const { Check, Prompt, base } = interactionPolicy

/** The order of prompts: sign in, then pick the organization, then consent. */
export function gatehouseInteractionPolicy(db: () => Queryable) {
  const policy = base()
  policy.get('login')?.checks.add(accountGone)
  policy.add(selectOrganization(db), policy.indexOf(policy.get('consent')!))
  askNativeClientsUnlessFirstParty(policy)
  return policy
}

/** A session outlives the deactivation of its person; whoever sits there now may sign in. */
const accountGone = new Check(
  'account_gone',
  'the person who was signed in may not be any more',
  'login_required',
  (ctx) => ctx.oidc.session?.accountId !== undefined && ctx.oidc.account === undefined,
)

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
  const check = policy.get('consent')?.checks.get('native_client_prompt')
  if (!check) return
  const asks = check.check
  check.check = (ctx) => (ctx.oidc.client?.first_party ? false : asks(ctx))
}
