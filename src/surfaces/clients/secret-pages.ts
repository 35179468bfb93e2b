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
import { exampleOf } from './client-example.ts'
import { type ClientRequest, factsOf, managementOf, placeOf, requireClient } from './client-request.ts'

/** What is offered for both secrets to work side by side. */
const overlaps = [
  { seconds: 0, label: message('clients.overlap_none') },
  { seconds: 3_600, label: message('clients.overlap_hour') },
  { seconds: 86_400, label: message('clients.overlap_day') },
  { seconds: longestOverlapSeconds, label: message('clients.overlap_week') },
]
const usualOverlap = 86_400

/** The one page that ever shows a secret; shown again, it says what to do instead. */
export async function showSecret(request: ClientRequest): Promise<void> {
  const { ctx, db, once, signedIn, show } = request
  const client = await requireClient(request)
  const account = factsOf(request, client)
  const secret = once.take(ctx, signedIn)
  const secrets = await listSecrets(db, account.clientId)
  const old = secrets.find(({ expiresAt }) => expiresAt !== null)
  await show('clients/secret', {
    ...placeOf(request),
    account,
    secret,
    oldUntil: old?.expiresAt,
    example: secret && exampleOf(request, client, secret),
  })
}

export async function showRotate(request: ClientRequest): Promise<void> {
  await renderRotate(request, String(usualOverlap))
}

export async function postRotate(request: ClientRequest): Promise<void> {
  const { ctx, db, form, once, signedIn } = request
  const account = factsOf(request, await requireClient(request))
  const overlap = overlaps.find(({ seconds }) => String(seconds) === form.overlap)
  if (!overlap) return renderRotate(request, '', { status: 422, said: message('clients.choose_overlap') })
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
  request: ClientRequest,
  chosen: string,
  refusal?: { status: number; said: Text },
): Promise<void> {
  const account = factsOf(request, await requireClient(request))
  const secrets = await listSecrets(request.db, account.clientId)
  const locals = { ...placeOf(request), account, secrets, overlaps, chosen, refusal: refusal?.said }
  await request.show('clients/rotate', locals, refusal?.status)
}

export async function showEndSecret(request: ClientRequest): Promise<void> {
  const account = factsOf(request, await requireClient(request))
  const secrets = await listSecrets(request.db, account.clientId)
  const secret = secrets.find(({ id }) => id === request.ctx.params.id)
  if (!secret) throw new GatehouseError('not_found', 'There is no such secret.')
  await request.show('clients/end-secret', { ...placeOf(request), account, secret })
}

export async function postEndSecret(request: ClientRequest): Promise<void> {
  const { ctx, db } = request
  const { clientId, path } = factsOf(request, await requireClient(request))
  await deleteClientSecret(db, managementOf(request), clientId, ctx.params.id ?? '')
  seeOther(ctx, `${path}?done=ended`)
}
