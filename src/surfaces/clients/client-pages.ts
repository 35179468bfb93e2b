import { z } from 'zod'
import type { ManagedClient } from '#directory/clients/managed-client-queries.ts'
import { listSecrets } from '#directory/clients/secret-queries.ts'
import type { Route } from '#foundation/http/router.ts'
import { type Message, message } from '#foundation/messages/message.ts'
import type { PagesWith } from '#surfaces/page-kit/signed-in-pages.ts'
import { freshSignIn } from '#surfaces/page-kit/signed-in-user.ts'
import { ask, postDelete, switchClient } from './client-questions.ts'
import { type ClientPlace, type ClientRequest, factsOf, placeOf } from './client-request.ts'
import { postEndSecret, postRotate, showEndSecret, showRotate, showSecret } from './secret-pages.ts'

/** What is the same of every client, whichever place it is looked after in: its secrets, its state, its end. */
export function commonPages({ at }: ClientPlace, { page, form }: PagesWith<ClientRequest>): Route[] {
  const one = `${at}/:client_id`
  const back = { returnTo: at }
  /** A secret opens what the client may do, for whoever has it. */
  const makingSecrets = { ...freshSignIn, ...back }
  return [
    ['GET', `${one}/secret`, page(showSecret)],
    ['GET', `${one}/rotate`, page(showRotate, freshSignIn)],
    ['POST', `${one}/rotate`, form(postRotate, makingSecrets)],
    ['GET', `${one}/secrets/:id/end`, page(showEndSecret)],
    ['POST', `${one}/secrets/:id/end`, form(postEndSecret, back)],
    ['GET', `${one}/deactivate`, page((request) => ask(request, 'deactivate'))],
    ['POST', `${one}/deactivate`, form((request) => switchClient(request, false), back)],
    ['POST', `${one}/activate`, form((request) => switchClient(request, true), makingSecrets)],
    ['GET', `${one}/delete`, page((request) => ask(request, 'delete'))],
    ['POST', `${one}/delete`, form(postDelete, back)],
  ]
}

const doneKinds = z.enum(['created', 'saved', 'ended', 'off', 'on']).optional().catch(undefined)

/** What the page of every client shows. */
export async function pageOfClient(request: ClientRequest, client: ManagedClient) {
  const secrets = await listSecrets(request.db, client.clientId)
  return {
    ...placeOf(request),
    account: factsOf(request, client),
    secrets: secrets.map((secret) => ({ ...secret, isLast: isTheOneThatStays(secret, secrets) })),
    done: wordsOf(request, doneKinds.parse(request.ctx.query.done)),
  }
}

function wordsOf({ words }: ClientPlace, done: z.infer<typeof doneKinds>): Message | undefined {
  if (done === undefined) return undefined
  return {
    created: message('applications.created'),
    saved: message('clients.saved'),
    ended: message('clients.ended'),
    off: words.switchedOff,
    on: words.switchedOn,
  }[done]
}

/** The last that works until it is rotated can only be rotated. */
function isTheOneThatStays(secret: { expiresAt: Date | null }, all: readonly { expiresAt: Date | null }[]): boolean {
  return secret.expiresAt === null && all.filter(({ expiresAt }) => expiresAt === null).length === 1
}
