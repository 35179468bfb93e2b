import { listSigningKeys } from '#credentials/signing-keys/signing-keys.ts'
import { replaceSigningKeys } from '#directory/signing-keys/replace-signing-keys.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import type { SignedInPages, SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'
import { freshSignIn } from '#surfaces/page-kit/signed-in-user.ts'

interface Parts {
  db: Queryable
  encryption: Encryption
}

type KeyRequest = SignedInRequest & Parts

const at = '/deployment/signing-keys'

/** What Gatehouse signs with, how old each key is, and the next ones' turn; for superadmins. */
export function signingKeyPages({ pages, ...parts }: Parts & { pages: SignedInPages }): Route[] {
  const { page, form } = pages.with(parts)
  return [
    ['GET', at, page((request) => renderKeys(request))],
    ['POST', `${at}/rotate`, form(postRotate, { ...freshSignIn, returnTo: at })],
  ]
}

async function renderKeys({ db, encryption, ctx, show }: KeyRequest, possibleFrom?: Date): Promise<void> {
  const keys = await listSigningKeys(db, encryption)
  await show(
    'signing-keys/list',
    {
      at,
      keys: keys.map(({ kid, alg, status, statusSince, createdAt }) => ({ kid, alg, status, statusSince, createdAt })),
      rotated: ctx.query.done === 'rotated',
      possibleFrom,
    },
    possibleFrom && 409,
  )
}

/** Too early is said with the moment from which it is not. */
async function postRotate(request: KeyRequest): Promise<void> {
  const { db, encryption, ctx, actor } = request
  try {
    await replaceSigningKeys(db, { encryption, actor })
  } catch (error) {
    const from = error instanceof GatehouseError && error.code === 'conflict' && error.members.possible_from
    if (typeof from !== 'string') throw error
    return renderKeys(request, new Date(from))
  }
  seeOther(ctx, `${at}?done=rotated`)
}
