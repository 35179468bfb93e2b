import type Koa from 'koa'
import type { Logger } from 'pino'
import { connectionLabel } from '#authentication/connections/connection.ts'
import { UpstreamError, type UpstreamFailure } from '#authentication/connections/upstream-error.ts'
import type { Connection } from '#foundation/database/schema.ts'
import { requestIdOf } from '#foundation/http/request-state.ts'
import type { Render } from '#surfaces/page-kit/render.ts'

interface Words {
  status: number
  title: string
  message: (label: string) => string
  hint: string
}

const tellThem = 'If it happens again, tell whoever looks after sign-in in your organization.'

const words: Record<UpstreamFailure, Words> = {
  unreachable: {
    status: 502,
    title: 'Your sign-in service can’t be reached',
    message: (label) => `${label} does not answer, or not in a way that we understand. You are not signed in.`,
    hint: `Try again in a few minutes, or sign in another way. ${tellThem}`,
  },
  too_slow: {
    status: 504,
    title: 'Your sign-in service takes too long',
    message: (label) => `${label} did not answer in time. You are not signed in.`,
    hint: `Try again in a few minutes, or sign in another way. ${tellThem}`,
  },
  declined: {
    status: 403,
    title: 'You were not signed in',
    message: (label) => `${label} sent you back without signing you in.`,
    hint: `You may have gone back, or may not be allowed to use this application there. ${tellThem}`,
  },
  refused: {
    status: 400,
    title: 'That sign-in was not accepted',
    message: (label) => `${label} did not accept our request. You are not signed in.`,
    hint: `Sign in again. ${tellThem}`,
  },
  untrustworthy: {
    status: 400,
    title: 'That sign-in can’t be trusted',
    message: (label) => `What ${label} told us about you could not be verified. You are not signed in.`,
    hint: `Sign in again. ${tellThem}`,
  },
}

/** Says in plain words what went wrong at an identity provider. What it sent is neither shown nor logged. */
export async function showUpstreamError(
  { render, log }: { render: Render; log: Logger },
  ctx: Koa.Context,
  { error, connection, back }: { error: unknown; connection: Connection; back: { label: string; href: string } },
): Promise<void> {
  if (!(error instanceof UpstreamError)) throw error
  const { failure, reason } = error
  const requestId = requestIdOf(ctx)
  log.warn({ connection: connection.name, failure, reason, requestId }, 'sign-in through a connection failed')
  const { status, title, message, hint } = words[failure]
  const locals = { title, message: message(connectionLabel(connection)), hint, back, requestId }
  await render(ctx, 'page-kit/error', locals, { status })
}
