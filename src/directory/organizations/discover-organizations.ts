import { findUserByEmail } from '#directory/users/user-queries.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { networkLimit } from '#foundation/http/network-limit.ts'
import type { CreateRateLimit } from '#foundation/http/rate-limit.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import { listOrganizationsOfUser } from './organization-queries.ts'

/**
 * Mails the owner of an address the names and login URLs of their organizations. The asker sees the same in the same
 * time, whether the address is known or not.
 * @throws GatehouseError too_many_requests for too many requests from one network address; validation_failed when
 *   `email` is not one address
 */
export type DiscoverOrganizations = (request: { email: string; ip: string }) => Promise<void>

/** Many may share an address; none should mail the world in our name. */
const requestsPerNetwork = { points: 100, seconds: 600 }
/** For an address that gets no mail: what waits in the outbox looks the same. */
const decoys = [{ name: 'No organization', slug: 'none' }]

export function organizationDiscovery({
  db,
  outbox,
  createRateLimit,
}: {
  db: Queryable
  outbox: MailOutbox
  createRateLimit: CreateRateLimit
}): DiscoverOrganizations {
  const fromNetwork = networkLimit(createRateLimit, { name: 'discover-network', ...requestsPerNetwork })

  return async ({ email, ip }) => {
    const retryAfterSeconds = await fromNetwork(ip)
    if (retryAfterSeconds > 0) {
      const message = 'Too many requests from your network. Wait a few minutes and try again.'
      throw new GatehouseError('too_many_requests', message, { retryAfterSeconds })
    }
    // The same statements for every address; the mail to an unknown address is dropped where it would be sent.
    await inTransaction(db, async (tx) => {
      const user = await findUserByEmail(tx, email)
      const organizations = (await listOrganizationsOfUser(tx, user?.id ?? '')).map(({ name, slug }) => ({
        name,
        slug,
      }))
      const mayKnow = user !== undefined && user.emailVerifiedAt !== null && user.deactivatedAt === null
      const decoy = !mayKnow || organizations.length === 0
      await outbox.enqueueMail(tx, {
        to: mayKnow ? user.email : email,
        template: 'organizations-list',
        locals: { organizations: decoy ? decoys : organizations },
        decoy,
      })
    })
  }
}
