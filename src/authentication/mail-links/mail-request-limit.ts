import { sha256 } from '#foundation/crypto/sha256.ts'
import { networkLimit } from '#foundation/http/network-limit.ts'
import type { CreateRateLimit } from '#foundation/http/rate-limit.ts'
import { mostMailsPerHour } from '#foundation/outbox/outbox.ts'
import { emailKey } from '#foundation/values/email-address.ts'

const hour = 3600

/** Counts one request for a mail. @returns 0 when it is allowed, else after how many seconds to come back */
export type MailRequestLimit = (request: { email: string; ip: string }) => Promise<number>

/**
 * As many requests an hour for an address as it gets mails, whatever they ask for and whether it has an account or not;
 * and a hundred in ten minutes from one network, so that no stranger mails the world in our name.
 */
export function mailRequestLimit({ createRateLimit }: { createRateLimit: CreateRateLimit }): MailRequestLimit {
  const ofAddress = createRateLimit({ name: 'mail-address', points: mostMailsPerHour, seconds: hour })
  const fromNetwork = networkLimit(createRateLimit, { name: 'mail-network', points: 100, seconds: hour / 6 })
  return async ({ email, ip }) =>
    (await ofAddress.take(sha256(emailKey(email)).toString('base64url'))) || (await fromNetwork(ip))
}
