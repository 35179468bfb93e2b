import { isStorable } from '#foundation/database/database.ts'
import { emailAddress } from '#foundation/values/email-address.ts'
import { displayName } from '#foundation/values/names.ts'
import { UpstreamError } from './upstream-error.ts'

/** Who a person is at an identity provider, after everything about the answer has been verified. */
export interface UpstreamIdentity {
  issuer: string
  subject: string
  /** Undefined when the provider told none, or no e-mail address. */
  email: string | undefined
  /** Only what was said in so many words: the boolean true. */
  emailVerified: boolean
  /** Google: whether the address is at Gmail or in a Workspace (`hd`), so that Google knows whose it is. */
  hostedByProvider: boolean
  name: string | undefined
  groups: string[]
  /** When the person proved who they are there, seconds since the epoch; many providers don't tell. */
  authenticatedAt: number | undefined
  /** For signing out there again. */
  idToken: string | undefined
}

type Claims = Readonly<Record<string, unknown>>

/** Who came, and all that the provider said of them: a stranger's words, for an administrator who tries the connection. */
export interface Introduction {
  identity: UpstreamIdentity
  claims: Claims
}

const longestSubject = 500
const longestName = 200

/**
 * What OpenID Connect's claims say about a person (OpenID Connect Core §5.1).
 * @param claims of the verified id token, and what userinfo adds to it
 * @throws UpstreamError untrustworthy for a subject that can't be told from every other one
 */
export function identityOf(
  claims: Claims,
  more: { issuer: string; groupClaim: string | null; idToken: string | undefined },
): UpstreamIdentity {
  const { issuer, groupClaim, idToken } = more
  const { auth_time: authenticatedAt } = claims
  return {
    issuer,
    subject: requireSubject(claims.sub),
    email: emailOf(claims.email),
    emailVerified: claims.email_verified === true,
    hostedByProvider: typeof claims.hd === 'string' || /@(gmail|googlemail)\.com$/i.test(String(claims.email)),
    name: nameOf(claims),
    groups: groupClaim === null ? [] : groupsOf(claims[groupClaim]),
    authenticatedAt: typeof authenticatedAt === 'number' ? authenticatedAt : undefined,
    idToken,
  }
}

/** The database would store several broken texts as one: two people must not become the same. */
export function requireSubject(sub: unknown): string {
  if (typeof sub === 'string' && sub !== '' && sub.length <= longestSubject && isStorable(sub) && sub.isWellFormed()) {
    return sub
  }
  throw new UpstreamError('untrustworthy', 'subject')
}

export function emailOf(value: unknown): string | undefined {
  const email = emailAddress.safeParse(value)
  return email.success ? email.data : undefined
}

function nameOf({ name, given_name: given, family_name: family }: Claims): string | undefined {
  return presentableName(name) ?? presentableName([given, family].filter((part) => typeof part === 'string').join(' '))
}

/** Undefined for what is no name to show to people. */
export function presentableName(value: unknown): string | undefined {
  if (typeof value !== 'string' || !value.isWellFormed()) return undefined
  const name = displayName.safeParse(value.slice(0, longestName))
  return name.success ? name.data : undefined
}

/** A list, or the one group that a person is in. */
function groupsOf(value: unknown): string[] {
  const groups = Array.isArray(value) ? value : [value]
  return groups.filter((group): group is string => typeof group === 'string')
}
