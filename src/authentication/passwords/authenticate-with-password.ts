import pLimit from 'p-limit'
import { recordSignIn, type SignInUse } from '#credentials/log/record-sign-in.ts'
import { replacePasswordHash } from '#directory/users/save-user.ts'
import { findUserByEmail } from '#directory/users/user-queries.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { networkLimit } from '#foundation/http/network-limit.ts'
import type { CreateRateLimit } from '#foundation/http/rate-limit.ts'
import { needsRehash } from './hash-forms.ts'
import { requireHashingRoom } from './hashing.ts'
import { hashPassword, isTooLong, passwordLength, timedVerification } from './password.ts'
import type { RefusalTime } from './refusal-time.ts'

export type PasswordOutcome = { outcome: 'authenticated'; user: User } | PasswordRefusal

export type PasswordRefusal =
  /** Unknown e-mail, wrong password and deactivated user look the same, and take the same time. */
  { outcome: 'rejected'; because: 'wrong' | 'too_long' } | { outcome: 'limited'; retryAfterSeconds: number }

export interface PasswordAttempt {
  email: string
  password: string
  ip: string
  userAgent: string | undefined
  clientId: string | undefined
  /** Slug or id of the organization that the request names: whose log the entry goes to, if the person is a member. */
  organization?: string | undefined
  /** Names a browser in which this person has signed in before: a stranger's failures don't lock it out. */
  knownBrowser: string | undefined
}

export type AuthenticateWithPassword = (attempt: PasswordAttempt) => Promise<PasswordOutcome>

const minutes = 60

/**
 * Signs a person in by password: at most ten tries in five minutes for an address, counted once for every spelling,
 * channel and node, whether it has an account or not; a thousand from one network, which may be an office. Every try is logged, but one that
 * is longer than any password, which is neither counted nor hashed.
 */
export function passwordAuthentication({
  db,
  createRateLimit,
  refusalTime,
}: {
  db: Queryable
  createRateLimit: CreateRateLimit
  refusalTime: RefusalTime
}): AuthenticateWithPassword {
  const ofAccount = createRateLimit({ name: 'password-account', points: 10, seconds: 5 * minutes })
  const fromNetwork = networkLimit(createRateLimit, { name: 'password-address', points: 1_000, seconds: 5 * minutes })

  return async (attempt) => {
    if (isTooLong(attempt.password)) return { outcome: 'rejected', because: 'too_long' }
    const { user, retryAfterSeconds } = await counting(() => count(attempt))
    if (retryAfterSeconds > 0) {
      await record(db, attempt, { outcome: 'refused', reason: 'limited', user })
      return { outcome: 'limited', retryAfterSeconds }
    }
    const { matches, startedAt } = await timedVerification(user?.passwordHash, attempt.password)
    if (!user || !matches || user.deactivatedAt) {
      await record(db, attempt, { outcome: 'refused', reason: reasonOf(user, matches), user })
      await refusalTime.reached(startedAt)
      return { outcome: 'rejected', because: 'wrong' }
    }
    await ofAccount.giveBack(accountKey(attempt))
    await record(db, attempt, { outcome: 'accepted', reason: null, user })
    await rehashIfWeak(db, user, attempt.password)
    return { outcome: 'authenticated', user }
  }

  /** What could not be hashed soon is not counted as a try, nor looked up. */
  async function count(attempt: PasswordAttempt) {
    requireHashingRoom()
    const retryAfterSeconds = (await ofAccount.take(accountKey(attempt))) || (await fromNetwork(attempt.ip))
    return { retryAfterSeconds, user: await findUserByEmail(db, attempt.email) }
  }
}

/**
 * Of hundreds that come at once few are counted at a time: so the queue for hashing is full before the others have cost
 * anything. What comes alone waits for nothing here.
 */
const counting = pLimit(8)

/** What a person is told. */
export function passwordRefusalMessage(refusal: PasswordRefusal): string {
  if (refusal.outcome === 'rejected') {
    return refusal.because === 'wrong'
      ? 'That e-mail address and password do not go together.'
      : `A password has at most ${passwordLength.max} characters.`
  }
  const minutes = Math.ceil(refusal.retryAfterSeconds / 60)
  return `Too many tries. Wait ${minutes === 1 ? 'a minute' : `${minutes} minutes`} and try again.`
}

function reasonOf(user: User | undefined, matches: boolean): SignInUse['reason'] {
  if (!user) return 'unknown'
  return matches ? 'user_deactivated' : 'wrong_password'
}

function record(db: Queryable, attempt: PasswordAttempt, use: Pick<SignInUse, 'outcome' | 'reason' | 'user'>) {
  const { clientId, organization, ip, userAgent } = attempt
  return recordSignIn(db, { ...use, clientId, organization, ip, userAgent })
}

/** The address itself is no counter's name: the operator of Redis may read counters. */
function accountKey({ email, knownBrowser }: PasswordAttempt): string {
  return sha256(`${knownBrowser ?? ''}:${email.trim().toLowerCase()}`).toString('base64url')
}

/** Where too many hashes are waiting the person is let in all the same, and the hash is due at the next sign-in. */
async function rehashIfWeak(db: Queryable, user: User, password: string): Promise<void> {
  if (!user.passwordHash || !needsRehash(user.passwordHash)) return
  try {
    await replacePasswordHash(db, user, await hashPassword(password))
  } catch (error) {
    if (!(error instanceof GatehouseError && error.code === 'temporarily_unavailable')) throw error
  }
}
