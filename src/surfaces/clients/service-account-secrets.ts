import {
  deleteClientSecret,
  longestOverlapSeconds,
  rotateClientSecret,
} from '#directory/clients/rotate-client-secret.ts'
import { listSecrets } from '#directory/clients/secret-queries.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { statusOfCode } from '#foundation/http/problem-details.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message, type Text } from '#foundation/messages/message.ts'
import { sentence } from '#foundation/messages/sentence.ts'
import { type AccountRequest, accountsPath, factsOf, managementOf, requireAccount } from './service-account-request.ts'

/** What is offered for both secrets to work side by side. */
const overlaps = [
  { seconds: 0, label: message('service-accounts.overlap_none') },
  { seconds: 3_600, label: message('service-accounts.overlap_hour') },
  { seconds: 86_400, label: message('service-accounts.overlap_day') },
  { seconds: longestOverlapSeconds, label: message('service-accounts.overlap_week') },
]
const usualOverlap = 86_400

/** The one page that ever shows a secret; shown again, it says what to do instead. */
export async function showSecret(request: AccountRequest): Promise<void> {
  const { ctx, db, issuer, once, signedIn, show } = request
  const account = factsOf(await requireAccount(request))
  const secret = once.take(ctx, signedIn)
  const secrets = await listSecrets(db, account.clientId)
  const old = secrets.find(({ expiresAt }) => expiresAt !== null)
  await show('service-accounts/secret', {
    at: accountsPath,
    account,
    secret,
    oldUntil: old?.expiresAt,
    tokenUrl: `${issuer}/oauth/token`,
  })
}

export async function showRotate(request: AccountRequest): Promise<void> {
  await renderRotate(request, String(usualOverlap))
}

export async function postRotate(request: AccountRequest): Promise<void> {
  const { ctx, db, form, once, signedIn } = request
  const account = factsOf(await requireAccount(request))
  const overlap = overlaps.find(({ seconds }) => String(seconds) === form.overlap)
  if (!overlap) return renderRotate(request, '', { status: 422, said: message('service-accounts.choose_overlap') })
  try {
    const overlapSeconds = overlap.seconds
    const { plain } = await rotateClientSecret(db, managementOf(request), account.clientId, { overlapSeconds })
    once.keep(ctx, signedIn, `${account.path}/secret`, plain)
    seeOther(ctx, `${account.path}/secret`)
  } catch (error) {
    if (!(error instanceof GatehouseError) || !(error.code === 'conflict' || error.code === 'limit_reached'))
      throw error
    await renderRotate(request, form.overlap ?? '', { status: statusOfCode[error.code], said: sentence(error.message) })
  }
}

async function renderRotate(
  request: AccountRequest,
  chosen: string,
  refusal?: { status: number; said: Text },
): Promise<void> {
  const account = factsOf(await requireAccount(request))
  const secrets = await listSecrets(request.db, account.clientId)
  const locals = { at: accountsPath, account, secrets, overlaps, chosen, refusal: refusal?.said }
  await request.show('service-accounts/rotate', locals, refusal?.status)
}

export async function showEndSecret(request: AccountRequest): Promise<void> {
  const account = factsOf(await requireAccount(request))
  const secrets = await listSecrets(request.db, account.clientId)
  const secret = secrets.find(({ id }) => id === request.ctx.params.id)
  if (!secret) throw new GatehouseError('not_found', 'There is no such secret.')
  await request.show('service-accounts/end-secret', { at: accountsPath, account, secret })
}

export async function postEndSecret(request: AccountRequest): Promise<void> {
  const { ctx, db } = request
  const { clientId, path } = factsOf(await requireAccount(request))
  await deleteClientSecret(db, managementOf(request), clientId, ctx.params.id ?? '')
  seeOther(ctx, `${path}?done=ended`)
}
