import type { Grant, KoaContextWithOIDC, Provider } from 'oidc-provider'
import { findGrantOfSession } from '#credentials/grants/grant-queries.ts'
import { listEffectivePermissions } from '#directory/access/authorization-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { isOfPermissions, scopeOfHolder } from '#protocol/request/scope-of-holder.ts'
import { organizationChoice } from './organization-choice.ts'

/** A grant is always for one organization, and remembers the session that gave it so that signing out ends it. */
export type OrganizationGrant = Grant & { organizationId?: string; sessionUid?: string }

/**
 * The grant of this authorization request (oidc-provider's `loadExistingGrant`): one of its own for every request, so
 * that a replayed code or token ends what it gave and nothing else. A first-party client gets what it asks for; any other
 * gets what the person consented to, now or earlier in this session. Undefined: consent is still to be asked.
 */
export async function loadGrant(ctx: KoaContextWithOIDC, db: () => Queryable): Promise<OrganizationGrant | undefined> {
  const choice = await organizationChoice(ctx, db)
  if (choice.outcome !== 'chosen') return undefined
  const organizationId = choice.organization.id
  await refuseWithoutRights(ctx, db, organizationId)
  const consented = ctx.oidc.result?.consent?.grantId
  if (consented) {
    const grant: OrganizationGrant | undefined = await ctx.oidc.provider.Grant.find(consented)
    return grant?.organizationId === organizationId ? grant : undefined
  }
  const grant = newGrant(ctx.oidc.provider, {
    accountId: ctx.oidc.account?.accountId ?? '',
    clientId: ctx.oidc.client?.clientId ?? '',
    organizationId,
    sessionUid: ctx.oidc.session?.uid,
  })
  const client = ctx.oidc.client
  if (client?.first_party) grantWhatIsAsked(ctx, grant)
  else if (!(await grantWhatWasGiven(db(), grant))) return undefined
  await grant.save()
  return grant
}

/** Permissions alone are asked for, and the person has none of them there: there is nothing to give. */
async function refuseWithoutRights(
  ctx: KoaContextWithOIDC,
  db: () => Queryable,
  organizationId: string,
): Promise<void> {
  const asked = [...ctx.oidc.requestParamScopes].join(' ')
  if (!isOfPermissions(asked)) return
  const userId = ctx.oidc.account?.accountId ?? ''
  scopeOfHolder(asked, await listEffectivePermissions(db(), { userId, organizationId }))
}

/** An unsaved grant. */
export function newGrant(
  provider: Provider,
  of: { accountId: string; clientId: string; organizationId: string; sessionUid: string | undefined },
): OrganizationGrant {
  const grant: OrganizationGrant = new provider.Grant({ accountId: of.accountId, clientId: of.clientId })
  grant.organizationId = of.organizationId
  grant.sessionUid = of.sessionUid
  return grant
}

function grantWhatIsAsked(ctx: KoaContextWithOIDC, grant: Grant): void {
  const scopes = [...ctx.oidc.requestParamScopes]
  grant.addOIDCScope(scopes.join(' '))
  grant.addOIDCClaims([...ctx.oidc.requestParamClaims])
  for (const [resource, server] of Object.entries(ctx.oidc.resourceServers ?? {})) {
    const offered = new Set(server.scope.split(' '))
    grant.addResourceScope(resource, scopes.filter((scope) => offered.has(scope)).join(' '))
  }
}

async function grantWhatWasGiven(db: Queryable, grant: OrganizationGrant): Promise<boolean> {
  const { sessionUid, clientId, organizationId } = grant
  if (!sessionUid || !clientId || !organizationId) return false
  const earlier = await findGrantOfSession(db, { sessionUid, clientId, organizationId })
  if (!earlier) return false
  const { openid, resources, rejected } = earlier.payload
  Object.assign(grant, structuredClone({ openid, resources, rejected }))
  return true
}
