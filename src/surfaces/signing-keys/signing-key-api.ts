import { listSigningKeys } from '#credentials/signing-keys/signing-keys.ts'
import { replaceSigningKeys } from '#directory/signing-keys/replace-signing-keys.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import { listOf } from '#foundation/http/list.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'
import { signingKey, signingKeyList } from './signing-key-json.ts'

const tags: [string] = ['Signing keys']

/** `/v1/signing-keys`: what Gatehouse signs with, by superadmins. */
export function signingKeyApi({ encryption }: { encryption: Encryption }): ApiRoute[] {
  return [
    apiRoute({
      name: 'listSigningKeys',
      method: 'GET',
      path: '/v1/signing-keys',
      summary: 'List the signing keys',
      description:
        'Those that sign, those that will and those that only verify. The private keys never leave the database.',
      tags,
      answer: listOf(signingKey),
      handle: async ({ db }) => signingKeyList(await listSigningKeys(db, encryption)),
    }),
    apiRoute({
      name: 'rotateSigningKeys',
      method: 'POST',
      path: '/v1/signing-keys/rotate',
      summary: 'Rotate the signing keys',
      description:
        'The next keys sign within seconds, those before them only verify, and new next keys are published. 409 with ' +
        '`possible_from` until the next keys have been published for an hour: a server may verify with a copy that lacks them.',
      tags,
      answer: listOf(signingKey),
      errors: ['conflict'],
      handle: async ({ db, actor }) => signingKeyList(await replaceSigningKeys(db, { encryption, actor })),
    }),
  ]
}
