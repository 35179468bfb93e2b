import type Koa from 'koa'
import type { Logger } from 'pino'
import { connectionLabel } from '#authentication/connections/connection.ts'
import { UpstreamError, type UpstreamFailure } from '#authentication/connections/upstream-error.ts'
import type { Connection } from '#foundation/database/schema.ts'
import { requestIdOf } from '#foundation/http/request-state.ts'
import { message, type Text } from '#foundation/messages/message.ts'
import type { Render } from '#surfaces/page-kit/render.ts'

const statuses: Record<UpstreamFailure, number> = {
  unreachable: 502,
  too_slow: 504,
  declined: 403,
  refused: 400,
  untrustworthy: 400,
}

/** Says in plain words what went wrong at an identity provider. What it sent is neither shown nor logged. */
export async function showUpstreamError(
  { render, log }: { render: Render; log: Logger },
  ctx: Koa.Context,
  { error, connection, back }: { error: unknown; connection: Connection; back: { label: Text; href: string } },
): Promise<void> {
  if (!(error instanceof UpstreamError)) throw error
  const { failure, reason } = error
  const requestId = requestIdOf(ctx)
  log.warn({ connection: connection.name, failure, reason, requestId }, 'sign-in through a connection failed')
  const locals = {
    title: message(`sign-in.upstream.${failure}`),
    message: message(`sign-in.upstream.${failure}_lead`, { provider: connectionLabel(connection) }),
    hint: message(`sign-in.upstream.${failure}_hint`, { tellThem: message('sign-in.upstream.tell_them') }),
    back,
    requestId,
  }
  await render(ctx, 'page-kit/error', locals, { status: statuses[failure] })
}
