import { insertApiKey, type NewApiKeyRow } from '#credentials/issued/api-keys.ts'
import type { SignAccessToken } from '#credentials/signing-keys/sign-access-token.ts'
import { canonicalGrants, isInCatalogue } from '#directory/access/grants.ts'
import { builtInClientId } from '#directory/clients/built-in-client.ts'
import { requireMember } from '#directory/organizations/membership-queries.ts'
import { findActor, isActor, isOperator, personIdOf, shownNameOf } from '#directory/users/actor.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { newId } from '#foundation/crypto/ids.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import { clock } from '#foundation/database/clock.ts'
import { violates } from '#foundation/database/constraint.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import { type FieldProblem, GatehouseError } from '#foundation/errors.ts'
import { hintOf, newApiKey } from '#foundation/values/api-key.ts'
import type { DataScope } from '#foundation/values/data-scope.ts'
import { expiryOf, type NewApiKeyInput } from './api-key-input.ts'
import { type ApiKey, findApiKey } from './api-key-queries.ts'
import {
  type ApiKeyParts,
  auditSubject,
  isAnothers,
  type KeyManager,
  lockOwner,
  nameTaken,
  requireMayEmpower,
  requireMembership,
  requireRoom,
} from './manage-api-key.ts'

export interface CreateApiKeyParts extends ApiKeyParts {
  issuer: string
  apiKeyPrefix: string
  signAccessToken: SignAccessToken
}

/**
 * Makes an API key for the actor, or for a member whom an administrator names. The key itself is in the result and nowhere
 * else: only its SHA-256 is stored.
 * @throws GatehouseError permission_denied, not_found (`user`), conflict (name, membership), limit_reached,
 *   validation_failed (expiry, permissions, administration)
 */
export async function createApiKey(
  parts: CreateApiKeyParts,
  actor: KeyManager,
  input: NewApiKeyInput,
): Promise<{ key: string; apiKey: ApiKey }> {
  const { organizationId } = actor
  const ownerId = await findOwner(parts.db, actor, input.user)
  return inTransaction(parts.db, async (tx) => {
    const owner = await lockOwner(tx, ownerId)
    if (!owner) throw new GatehouseError('not_found', 'There is no such member.')
    requireMayEmpower(actor, owner)
    await requireMembership(tx, owner, organizationId)
    const now = await clock(tx)
    const expiry = expiryOf(input, { now, createdAt: now })
    if (expiry.outcome === 'refused') throw invalid([{ path: expiry.path, message: expiry.message }])
    if (input.administration) await requireAdministrator(tx, owner, organizationId)
    const grants = await requireKnownGrants(tx, input)
    await requireRoom(tx, { userId: owner.id, organizationId }, now)
    const { key, ...stored } = await makeSecret(parts, tx, {
      owner,
      organizationId,
      now,
      expiresAt: expiry.expiresAt,
      format: input.format,
    })
    await insertNamed(tx, {
      ...stored,
      ...grants,
      name: input.name,
      description: input.description,
      format: input.format,
      administration: input.administration,
      userId: owner.id,
      organizationId,
      issuedAt: now,
      expiresAt: expiry.expiresAt,
      createdBy: personIdOf(actor),
    })
    const apiKey = await findApiKey(tx, { organizationId, userId: owner.id }, stored.id)
    if (!apiKey) throw new Error('the key that was just made is missing')
    await recordCreation(tx, parts, actor, apiKey)
    return { key, apiKey }
  })
}

/** Only an administrator names another person, who must belong to the organization; the operator always names one. */
async function findOwner(db: Queryable, actor: KeyManager, wanted: string | undefined): Promise<string> {
  if (isOperator(actor)) {
    if (wanted === undefined) throw invalid([{ path: 'user', message: 'is required: whose key it is to be' }])
    return (await requireMember(db, actor.organizationId, wanted)).id
  }
  const { user, organizationId, isAdmin } = actor
  if (wanted === undefined || isActor(actor, wanted)) return user.id
  if (!isAdmin) {
    throw new GatehouseError('permission_denied', 'Only administrators of the organization make keys for others.')
  }
  return (await requireMember(db, organizationId, wanted)).id
}

/** A key of a plain member could change nothing, and would begin to once its owner is made an administrator. */
export async function requireAdministrator(tx: Queryable, owner: User, organizationId: string): Promise<void> {
  if ((await findActor(tx, { user: owner, organizationId })).isAdmin) return
  const message = 'is for keys of administrators'
  throw invalid([{ path: 'administration', message }])
}

/** A mistyped permission would make a key that can do nothing, without saying why. */
async function requireKnownGrants(
  tx: Queryable,
  { permissions, data_scopes }: NewApiKeyInput,
): Promise<{ permissions: string[] | null; dataScopes: DataScope[] | null }> {
  const canonical = canonicalGrants({ permissions: permissions ?? [], dataScopes: data_scopes ?? [] })
  const rows = await tx.selectFrom('permissions').select('name').execute()
  const catalogue = new Set(rows.map(({ name }) => name))
  const unknown = (permissions ?? []).flatMap((permission, index) =>
    isInCatalogue(catalogue, permission)
      ? []
      : [{ path: `permissions.${index}`, message: 'is not a known permission' }],
  )
  if (unknown.length > 0) throw invalid(unknown)
  return {
    permissions: permissions ? canonical.permissions : null,
    dataScopes: data_scopes ? canonical.dataScopes : null,
  }
}

type Secret = Pick<NewApiKeyRow, 'id' | 'hash' | 'hint' | 'kid'> & { key: string }

export async function makeSecret(
  { issuer, apiKeyPrefix, signAccessToken }: CreateApiKeyParts,
  tx: Queryable,
  made: { owner: User; organizationId: string; now: Date; expiresAt: Date; format: 'opaque' | 'jwt' },
): Promise<Secret> {
  const id = newId('apiKey')
  const { format } = made
  if (format === 'opaque') {
    const key = newApiKey(apiKeyPrefix)
    return { id, key, hash: sha256(key), hint: hintOf(key, format), kid: undefined }
  }
  const { jwt, kid } = await signAccessToken({
    iss: issuer,
    sub: made.owner.id,
    aud: await audienceOf(tx, issuer),
    client_id: builtInClientId,
    iat: Math.floor(made.now.getTime() / 1000),
    exp: Math.floor(made.expiresAt.getTime() / 1000),
    jti: id,
    org_id: made.organizationId,
  })
  return { id, key: jwt, hash: sha256(id), hint: hintOf(jwt, format), kid }
}

const mostAudiences = 20

/**
 * A key is for every resource server, so it names each (RFC 9068 §2.2 demands `aud`, and stock middleware compares it with
 * its own identifier), and the issuer for those that have none. More than a header can carry are left out.
 */
async function audienceOf(tx: Queryable, issuer: string): Promise<string[]> {
  const servers = await tx
    .selectFrom('clients')
    .select('resource')
    .where('resourceServer', '=', true)
    .where('resource', 'is not', null)
    .where('deactivatedAt', 'is', null)
    .orderBy('clientId')
    .limit(mostAudiences)
    .execute()
  return [issuer, ...servers.map(({ resource }) => String(resource))]
}

async function insertNamed(tx: Queryable, row: NewApiKeyRow): Promise<void> {
  try {
    await insertApiKey(tx, row)
  } catch (error) {
    if (violates(error, 'api_keys_name_unique')) throw nameTaken()
    throw error
  }
}

/** Tells the audit log of a new key, and its owner when another person has made it. */
export async function recordCreation(
  tx: Queryable,
  { outbox }: ApiKeyParts,
  actor: KeyManager,
  key: ApiKey,
): Promise<void> {
  const { format, permissions, dataScopes, administration, expiresAt, hint } = key
  await recordAuditEvent(tx, {
    actor,
    action: 'api_key.created',
    subject: auditSubject(key),
    organizationId: key.organization.id,
    after: {
      id: key.id,
      name: key.name,
      hint,
      format,
      permissions,
      data_scopes: dataScopes,
      administration,
      expires_at: expiresAt,
    },
  })
  if (!isAnothers(actor, key.user)) return
  await outbox.enqueueMail(tx, {
    to: key.user.email,
    template: 'api-key-created-for-you',
    locals: {
      keyName: key.name,
      keyHint: hint,
      organizationName: key.organization.name,
      createdBy: shownNameOf(actor),
      expiresAt: expiresAt.toISOString(),
    },
    organizationId: key.organization.id,
  })
}

function invalid(fields: FieldProblem[]): GatehouseError {
  const [first] = fields
  return new GatehouseError('validation_failed', `Some fields are not valid. ${first?.path}: ${first?.message}`, {
    fields,
  })
}
