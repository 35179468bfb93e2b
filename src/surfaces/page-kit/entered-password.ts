import type Koa from 'koa'
import {
  type AuthenticateWithPassword,
  type PasswordAttempt,
  type PasswordRefusal,
  passwordRefusalMessage,
} from '#authentication/passwords/authenticate-with-password.ts'
import type { User } from '#foundation/database/schema.ts'
import type { ClientAddress } from '#foundation/http/client-address.ts'
import type { Message, Text } from '#foundation/messages/message.ts'
import { sentence } from '#foundation/messages/sentence.ts'
import type { KnownBrowser } from './known-browser.ts'

export interface EnteredPasswordParts {
  authenticateWithPassword: AuthenticateWithPassword
  clientAddress: ClientAddress
  knownBrowser: KnownBrowser
}

export type EnteredPassword =
  | { outcome: 'authenticated'; user: User }
  /** For the page to show beside the field, with its status. */
  | { outcome: 'refused'; message: Text; status: number }

/**
 * Tries a password that was entered on a page, and sets `Retry-After` where the person has to wait.
 * @param entered.wrong what the page says of a wrong password; else that address and password do not go together
 */
export async function tryEnteredPassword(
  { authenticateWithPassword, clientAddress, knownBrowser }: EnteredPasswordParts,
  ctx: Koa.Context,
  entered: Pick<PasswordAttempt, 'email' | 'password' | 'clientId' | 'organization'> & { wrong?: Message },
): Promise<EnteredPassword> {
  const { wrong, ...attempt } = entered
  const outcome = await authenticateWithPassword({
    ...attempt,
    ip: clientAddress(ctx.req),
    userAgent: ctx.get('user-agent') || undefined,
    knownBrowser: knownBrowser.nameFor(ctx, attempt.email),
  })
  if (outcome.outcome === 'authenticated') return outcome
  if (outcome.outcome === 'limited') ctx.set('Retry-After', String(outcome.retryAfterSeconds))
  return { outcome: 'refused', message: messageOf(outcome, wrong), status: statusOf(outcome) }
}

function messageOf(refusal: PasswordRefusal, wrong: Message | undefined): Text {
  const isWrong = refusal.outcome === 'rejected' && refusal.because === 'wrong'
  return (isWrong && wrong) || sentence(passwordRefusalMessage(refusal))
}

function statusOf(refusal: PasswordRefusal): number {
  if (refusal.outcome === 'limited') return 429
  return refusal.because === 'wrong' ? 401 : 400
}
