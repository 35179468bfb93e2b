import type { AccessToken, Account, ClientCredentials, KoaContextWithOIDC } from 'oidc-provider'
import { findOrganization } from '#directory/organizations/organization-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { activeUserOf } from '#protocol/request/active-user.ts'
import { rememberedOrganization, rememberedUser } from '#protocol/request/grant-parties.ts'
import { currentExchange } from '#protocol/request/token-exchange.ts'
import type { OrganizationGrant } from './grant.ts'

/** Which claims a scope gives. The organization goes with `openid`: no token of ours is without one. */
export const claimsOfScopes = {
  openid: ['sub', 'org_id', 'org_slug', 'org_name'],
  profile: ['name'],
  email: ['email', 'email_verified'],
}

/** oidc-provider's account for a user id; undefined for a deactivated user, whose sessions and tokens thereby end. */
export async function findAccount(
  ctx: KoaContextWithOIDC,
  db: () => Queryable,
  userId: string,
): Promise<Account | undefined> {
  const user = rememberedUser(ctx, userId) ?? (await activeUserOf(ctx, db, userId))
  if (!user) return undefined
  return {
    accountId: user.id,
    claims: async () => ({
      sub: user.id,
      name: user.name,
      email: user.email,
      email_verified: user.emailVerifiedAt !== null,
      ...(await organizationClaims(ctx, db)),
    }),
  }
}

/** Claims inside a JWT access token (RFC 9068): an opaque token's organization is read when it is introspected. */
export async function extraTokenClaims(
  ctx: KoaContextWithOIDC,
  db: () => Queryable,
  token: AccessToken | ClientCredentials,
) {
  return token.resourceServer?.accessTokenFormat === 'jwt' ? organizationClaims(ctx, db) : undefined
}

async function organizationClaims(ctx: KoaContextWithOIDC, db: () => Queryable) {
  const grant = ctx.oidc.entities.Grant as OrganizationGrant | undefined
  const id = grant?.organizationId ?? (ctx.oidc.client?.organization_id as string | undefined)
  const organization = id && (knownOrganization(ctx, id) ?? (await findOrganization(db(), id)))
  if (!organization) return {}
  return { org_id: organization.id, org_slug: organization.slug, org_name: organization.name }
}

/** Of the grant that was found, or of the client that a token request found. */
function knownOrganization(ctx: KoaContextWithOIDC, id: string) {
  const ofClient = currentExchange()?.found.client?.is?.organization
  return rememberedOrganization(ctx, id) ?? (ofClient?.id === id ? ofClient : undefined)
}
