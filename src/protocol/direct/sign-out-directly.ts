import type { CredentialReference } from '#credentials/resolve/credential.ts'
import { revokeToken } from '#credentials/revocation/revocation.ts'
import type { RequestTransaction } from '#foundation/database/request-transaction.ts'

/** Ends the token that proves the request, and every other one of its grant, at once. */
export function signOutDirectly(
  { requestTransaction }: { requestTransaction: RequestTransaction },
  reference: CredentialReference,
): Promise<void> {
  return requestTransaction.run((tx) => revokeToken(tx, Buffer.from(reference.hash, 'base64')))
}
