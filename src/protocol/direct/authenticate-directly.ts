import { lacksRequiredConnection } from '#authentication/connections/required-connections.ts'
import {
  type AuthenticateWithPassword,
  passwordRefusalMessage,
} from '#authentication/passwords/authenticate-with-password.ts'
import { verifyPassword } from '#authentication/passwords/password.ts'
import { builtInClientId } from '#directory/clients/built-in-client.ts'
import type { OrganizationOption } from '#directory/organizations/organization-queries.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { RequestTransaction } from '#foundation/database/request-transaction.ts'
import type { Organization, User } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { CurrentProvider } from '#protocol/provider/current-provider.ts'
import { issueTokens, type TokenPair } from '#protocol/provider/direct-tokens.ts'
import { chooseOrganization } from '#protocol/provider/organization-choice.ts'

export interface DirectAuthentication extends TokenPair {
  organization: Pick<Organization, 'id' | 'slug' | 'name'>
}

export interface DirectAttempt {
  email: string
  password: string
  /** Slug or id. */
  organization: string | undefined
  ip: string
  userAgent: string | undefined
}

export interface DirectAuthenticationParts {
  db: Queryable
  requestTransaction: RequestTransaction
  encryption: Encryption
  current: Pick<CurrentProvider, 'provider'>
  authenticateWithPassword: AuthenticateWithPassword
}

/**
 * Signs a person in by password without a browser and gives tokens for one organization: a grant of its own for each
 * sign-in, so that renewing or ending one leaves the others alone. About organizations nothing is said before the password
 * was right.
 * @throws GatehouseError authentication_required, permission_denied, sso_required, organization_required, too_many_requests
 */
export async function authenticateDirectly(
  parts: DirectAuthenticationParts,
  attempt: DirectAttempt,
): Promise<DirectAuthentication> {
  const user = await requireUser(parts, attempt)
  const organization = await requireOrganization(parts.db, user, attempt.organization)
  return parts.requestTransaction.run(async (tx) => {
    await requireSamePassword(tx, user, attempt.password)
    const tokens = await issueTokens(parts.current.provider(), { userId: user.id, organizationId: organization.id })
    const { id, slug, name } = organization
    return { ...tokens, organization: { id, slug, name } }
  })
}

async function requireUser(parts: DirectAuthenticationParts, attempt: DirectAttempt): Promise<User> {
  const outcome = await parts.authenticateWithPassword({
    ...attempt,
    clientId: builtInClientId,
    knownBrowser: undefined,
  })
  if (outcome.outcome === 'authenticated') return outcome.user
  const message = passwordRefusalMessage(outcome)
  if (outcome.outcome === 'limited') {
    throw new GatehouseError('too_many_requests', message, { retryAfterSeconds: outcome.retryAfterSeconds })
  }
  if (outcome.because === 'wrong') throw rejected()
  throw new GatehouseError('invalid_request', message, { fields: [{ path: 'password', message }] })
}

function rejected(): GatehouseError {
  return new GatehouseError(
    'authentication_required',
    passwordRefusalMessage({ outcome: 'rejected', because: 'wrong' }),
  )
}

async function requireOrganization(db: Queryable, user: User, requested: string | undefined): Promise<Organization> {
  const choice = await chooseOrganization(db, { user, requested, picked: undefined })
  switch (choice.outcome) {
    case 'chosen':
      await requirePasswordAllowed(db, user, choice.organization)
      return choice.organization
    case 'ambiguous':
      throw organizationRequired(choice.organizations)
    case 'none':
      throw new GatehouseError('permission_denied', 'You belong to no organization. Ask for an invitation to one.')
    case 'refused':
      throw new GatehouseError('permission_denied', 'You do not belong to an organization of that name.')
  }
}

/** Asked only after the password was right: else it would tell who is a member of what. */
async function requirePasswordAllowed(db: Queryable, user: User, organization: Organization): Promise<void> {
  if (await lacksRequiredConnection(db, { user, organizationId: organization.id, used: [] })) {
    const message =
      'This organization signs in through its own identity provider. Use an API key, or sign in by browser.'
    throw new GatehouseError('sso_required', message)
  }
}

function organizationRequired(options: OrganizationOption[]): GatehouseError {
  const organizations = options.map(({ id, slug, name }) => ({ id, slug, name }))
  return new GatehouseError('organization_required', 'You belong to several organizations: name one.', {
    members: { organizations },
  })
}

/**
 * A new password ends all that the old one gave. One that is being changed at this moment would miss the grant that is
 * about to be made: so the change waits for us, or we see it.
 */
async function requireSamePassword(tx: Queryable, { id, passwordHash }: User, password: string): Promise<void> {
  const now = await tx.selectFrom('users').select('passwordHash').where('id', '=', id).forShare().executeTakeFirst()
  // A sign-in may also have strengthened the hash of the same password.
  if (now?.passwordHash !== passwordHash && !(await verifyPassword(now?.passwordHash, password))) throw rejected()
}
