import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { clock } from '#foundation/database/clock.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { type ClientManagement, changeClient, clientSubject } from './managed-client.ts'
import { deleteSecret, newSecret, succeedSecrets } from './save-secret.ts'
import { type ClientSecret, listSecrets } from './secret-queries.ts'

/** An old secret works at most for seven days beside its successor. */
export const longestOverlapSeconds = 7 * 86_400

/** A client whose secrets pile up has one that nobody watches. */
const mostLiveSecrets = 10

/**
 * Gives a client another secret, in plain this once. Those before it work on for the overlap, none longer than it would
 * have; without overlap they are dead once this has been answered, on every node.
 * @throws GatehouseError permission_denied, not_found, conflict (it proves itself by no secret), limit_reached
 */
export function rotateClientSecret(
  db: Queryable,
  management: ClientManagement,
  clientId: string,
  { overlapSeconds }: { overlapSeconds: number },
): Promise<{ plain: string; secret: ClientSecret }> {
  return changeClient(db, management, clientId, async (tx, client) => {
    const method = String(client.metadata.token_endpoint_auth_method)
    if (!method.startsWith('client_secret_')) {
      throw new GatehouseError('conflict', `This client proves itself by ${method}: it has no secret.`)
    }
    const { plain, row } = newSecret()
    await succeedSecrets(tx, clientId, row, { overlapSeconds, at: await clock(tx) })
    const secrets = await listSecrets(tx, clientId)
    if (secrets.length > mostLiveSecrets) {
      throw new GatehouseError(
        'limit_reached',
        `There are ${mostLiveSecrets} live secrets already. Delete one, or rotate without overlap.`,
      )
    }
    const secret = secrets.find(({ id }) => id === row.id)
    if (!secret) throw new Error('the secret that was just made is missing')
    await recordAuditEvent(tx, {
      actor: management.actor,
      action: 'client_secret.rotated',
      subject: clientSubject(client),
      organizationId: client.organizationId,
      after: { secret_id: secret.id, hint: secret.hint, overlap_seconds: overlapSeconds },
    })
    return { plain, secret }
  })
}

/**
 * Ends one secret at once. The last one stays: rotate it, or switch the client off.
 * @throws GatehouseError permission_denied, not_found, conflict
 */
export function deleteClientSecret(
  db: Queryable,
  management: ClientManagement,
  clientId: string,
  id: string,
): Promise<void> {
  return changeClient(db, management, clientId, async (tx, client) => {
    const secrets = await listSecrets(tx, clientId)
    const secret = secrets.find((one) => one.id === id)
    if (!secret) throw new GatehouseError('not_found', 'There is no such secret.')
    if (secrets.every((one) => one.id === id || one.expiresAt !== null)) {
      throw new GatehouseError('conflict', 'This is the secret that stays. Rotate it, or switch the client off.')
    }
    await deleteSecret(tx, clientId, id)
    await recordAuditEvent(tx, {
      actor: management.actor,
      action: 'client_secret.deleted',
      subject: clientSubject(client),
      organizationId: client.organizationId,
      before: { secret_id: id, hint: secret.hint },
    })
  })
}
