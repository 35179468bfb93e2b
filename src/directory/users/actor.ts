import { findApiKeyName } from '#credentials/issued/api-keys.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { emailKey } from '#foundation/values/email-address.ts'
import { findActiveUser } from './user-queries.ts'

/** A person who asks for a change, and the organization in which they act: the same behind a page and behind the API. */
export interface Actor {
  user: User
  organizationId: string
  /** May manage what belongs to other members of this organization: its admins and superadmins. */
  isAdmin: boolean
  /** The key by which they ask. It may be in other hands than its owner's: it makes no administrators. */
  apiKey?: { id: string; name: string } | undefined
}

/** Who runs the deployment, at its command line: may do there what a superadmin may. */
export interface Operator {
  system: 'command_line'
}

export const operator: Operator = { system: 'command_line' }

/** Who administers: a person by their rights of this moment, or the operator. */
export type Administrator = Actor | Operator

/** A person who changes their own account with a browser in which they are signed in. */
export interface AccountOwner {
  user: Pick<User, 'id'>
  /** The session in which they sit. */
  sessionUid: string
  /** When they last proved who they are. */
  signedInAt: Date
}

/** What acts when no person does, as the audit log names it. */
export type SystemActor =
  | { system: 'setup_file'; name: 'boot' | 'apply' | 'demo' }
  | { system: 'connection'; id: string; name: string }
  | { system: 'leak_report' }
  | { system: 'first_start' }

/** How long a sign-in proves that its person still sits there. */
export const freshSignInSeconds = 600

/**
 * A session may be in other hands by now: changing how an account is signed in to takes a proof of a few minutes ago.
 * @param askedAt when the person asked for the change, where another step had to come between
 * @throws GatehouseError permission_denied
 */
export function requireFreshSignIn(actor: Pick<AccountOwner, 'signedInAt'>, askedAt = new Date()): void {
  if (isSignInFresh(actor, freshSignInSeconds, askedAt)) return
  throw new GatehouseError('permission_denied', 'Sign in again first: this takes a sign-in of the last ten minutes.')
}

/** Whether a proof is not older than that; in whole seconds, as oidc-provider counts. */
export function isSignInFresh(
  { signedInAt }: Pick<AccountOwner, 'signedInAt'>,
  withinSeconds: number,
  at = new Date(),
): boolean {
  return Math.floor(at.getTime() / 1000) - signedInAt.getTime() / 1000 <= withinSeconds
}

/**
 * Who acts by a page's session or a request's credential, with the rights of this moment.
 * @param narrowed the credential carries less than its owner: it is no admin's then, even if its owner is one
 * @throws GatehouseError permission_denied for a service account, which is no person
 */
export async function requireActor(
  db: Queryable,
  by: { userId: string | null; organizationId: string | null; narrowed?: boolean; apiKeyId?: string | undefined },
): Promise<Actor> {
  const user = by.userId === null ? undefined : await findActiveUser(db, by.userId)
  if (!user || by.organizationId === null) {
    throw new GatehouseError('permission_denied', 'Only a person may do this: a service account has no say here.')
  }
  const actor = await findActor(db, { user, organizationId: by.organizationId })
  const apiKey = by.apiKeyId && { id: by.apiKeyId, name: await findApiKeyName(db, by.apiKeyId) }
  return { ...actor, ...(apiKey && { apiKey }), isAdmin: actor.isAdmin && !by.narrowed }
}

/** The same for a person who has been found already. */
export async function findActor(
  db: Queryable,
  { user, organizationId }: { user: User; organizationId: string },
): Promise<Actor> {
  const isAdmin = user.superadmin || (await isActiveAdmin(db, { userId: user.id, organizationId }))
  return { user, organizationId, isAdmin }
}

/** Whether the actor is named, by user id or e-mail address. */
export function isActor({ user }: Pick<Actor, 'user'>, idOrEmail: string): boolean {
  return idOrEmail === user.id || emailKey(idOrEmail) === emailKey(user.email)
}

export function isOperator(actor: Administrator): actor is Operator {
  return 'system' in actor
}

/** The person who acts; null where the operator does, who is no user. */
export function personIdOf(actor: Administrator): string | null {
  return isOperator(actor) ? null : actor.user.id
}

/** Who it was, to those who are told by mail. */
export function shownNameOf(actor: Administrator): string {
  return isOperator(actor) ? 'The operator of this service' : actor.user.name
}

/** A key may be in other hands than its owner's. */
export function isByApiKey(actor: Administrator): boolean {
  return !isOperator(actor) && actor.apiKey !== undefined
}

/** @throws GatehouseError permission_denied unless the actor is an admin of the organization */
export function requireAdmin(actor: Administrator): void {
  if (!isOperator(actor) && !actor.isAdmin) {
    throw new GatehouseError('permission_denied', 'Only administrators of the organization may do this.')
  }
}

/** @throws GatehouseError permission_denied, also for a superadmin whose credential carries less */
export function requireSuperadmin(actor: Administrator): void {
  if (!isOperator(actor) && (!actor.user.superadmin || !actor.isAdmin)) {
    throw new GatehouseError('permission_denied', 'Only superadmins may do this.')
  }
}

/**
 * Connections and domains say who may sign in as whom: a stolen key would become browser sessions of others.
 * @throws GatehouseError permission_denied
 */
export function refuseApiKey(actor: Administrator): void {
  if (isByApiKey(actor))
    throw new GatehouseError('permission_denied', 'An API key can’t do this. Sign in, or use an access token.')
}

/**
 * The organization is managed by its own administrators, and by superadmins.
 * @throws GatehouseError permission_denied
 */
export function requireAdminOf(actor: Administrator, organizationId: string): void {
  requireAdmin(actor)
  if (!isOperator(actor) && actor.organizationId !== organizationId && !actor.user.superadmin) {
    throw new GatehouseError('permission_denied', 'Only administrators of the organization may do this.')
  }
}

async function isActiveAdmin(db: Queryable, member: { userId: string; organizationId: string }): Promise<boolean> {
  const membership = await db
    .selectFrom('memberships')
    .select('id')
    .where('organizationId', '=', member.organizationId)
    .where('userId', '=', member.userId)
    .where('admin', '=', true)
    .where('deactivatedAt', 'is', null)
    .executeTakeFirst()
  return membership !== undefined
}
