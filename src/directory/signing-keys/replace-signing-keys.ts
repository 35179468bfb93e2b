import { listSigningKeys, type PublishedSigningKey, rotateSigningKeys } from '#credentials/signing-keys/signing-keys.ts'
import { type Administrator, requireSuperadmin } from '#directory/users/actor.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'

/**
 * Rotates the signing keys for whoever may: next → current → retired.
 * @returns the keys as they are then
 * @throws GatehouseError permission_denied; conflict with `possible_from` while the next keys have not been published for
 *   as long as a client may cache the JWKS
 */
export function replaceSigningKeys(
  db: Queryable,
  { encryption, actor }: { encryption: Encryption; actor: Administrator },
): Promise<PublishedSigningKey[]> {
  requireSuperadmin(actor)
  return inTransaction(db, async (tx) => {
    const rotation = await rotateSigningKeys(tx, encryption, { actor })
    if (rotation.outcome === 'too_early') throw tooEarly(rotation.possibleFrom)
    return listSigningKeys(tx, encryption)
  })
}

function tooEarly(possibleFrom: Date): GatehouseError {
  const from = possibleFrom.toISOString()
  return new GatehouseError(
    'conflict',
    'The next keys are not published long enough: a server may verify with a copy that lacks them for an hour. ' +
      `Rotate from ${from} on.`,
    { members: { possible_from: from } },
  )
}
