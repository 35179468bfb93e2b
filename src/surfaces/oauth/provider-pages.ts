import type { Client, KoaContextWithOIDC } from 'oidc-provider'
import { formTargetOf } from '#foundation/http/form-target.ts'
import { requestIdOf } from '#foundation/http/request-state.ts'
import type { ProviderPages } from '#protocol/provider/provider.ts'
import { signOutTargets } from '#protocol/provider/upstream-sign-out.ts'
import type { Render } from '#surfaces/page-kit/render.ts'

/** The pages that oidc-provider asks us for: errors, sign-out and the device code. */
export function providerPages({ render }: { render: Render }): ProviderPages {
  return {
    async error(ctx, out) {
      const { error, error_description: description } = out
      await render(
        ctx,
        'page-kit/error',
        {
          title: errors[error]?.title ?? 'That did not work',
          message: errors[error]?.message ?? description ?? 'The application sent a request that cannot be answered.',
          hint: 'Go back to the application and try again. If it happens again, tell whoever runs the application.',
          code: error,
          requestId: requestIdOf(ctx),
        },
        { status: ctx.status },
      )
    },
    async signOut(ctx) {
      const { state } = ctx.oidc.session as { state?: Record<string, string> }
      await render(
        ctx,
        'oauth/sign-out',
        { clientName: clientName(ctx), xsrf: state?.secret, action: ctx.oidc.urlFor('end_session_confirm') },
        {
          formAction: [
            ...(state?.postLogoutRedirectUri ? [formTargetOf(state.postLogoutRedirectUri)] : []),
            ...signOutTargets(ctx.oidc.session),
          ],
        },
      )
    },
    signedOut: (ctx) =>
      render(ctx, 'oauth/signed-out', { clientName: clientName(ctx), clientUri: clientOf(ctx)?.clientUri }),
    deviceCode: (ctx, error) =>
      render(
        ctx,
        'oauth/device-code',
        {
          action: ctx.oidc.urlFor('code_verification'),
          xsrf: xsrfOf(ctx),
          userCode: (error as { userCode?: string } | undefined)?.userCode,
          error: error && deviceErrorMessage(error),
        },
        { status: error ? ctx.status : 200 },
      ),
    deviceConfirm: (ctx, userCode) =>
      render(ctx, 'oauth/device-confirm', {
        action: ctx.oidc.urlFor('code_verification'),
        xsrf: xsrfOf(ctx),
        userCode,
        clientName: clientName(ctx),
      }),
    deviceDone: (ctx) => render(ctx, 'oauth/device-done', { clientName: clientName(ctx) }),
  }
}

/** The library's descriptions are for developers; these are for whoever sees them most. */
const errors: Record<string, { title: string; message: string }> = {
  invalid_client: {
    title: 'Unknown application',
    message: 'The application that sent you here is not known to this server.',
  },
  invalid_redirect_uri: {
    title: 'This application cannot be answered',
    message: 'It asks to send you to an address that is not registered for it.',
  },
  access_denied: { title: 'Access was not given', message: 'You or an administrator did not allow this.' },
  server_error: { title: 'Something went wrong', message: 'It was our fault. Try again in a moment.' },
}

/** The library names its page errors by class. */
function deviceErrorMessage(error: Error): string {
  const messages: Record<string, string> = {
    NoCodeError: 'Enter the code that your device shows.',
    NotFoundError: 'That code is not known. Check it and try again.',
    ExpiredError: 'That code has expired. Ask your device for a new one.',
    AlreadyUsedError: 'That code has been used. Ask your device for a new one.',
    AbortedError: 'Signing in on the device was cancelled.',
  }
  return messages[error.name] ?? messages[error.constructor.name] ?? 'That did not work. Try again.'
}

function clientOf(ctx: KoaContextWithOIDC): Client | undefined {
  return ctx.oidc.client
}

function clientName(ctx: KoaContextWithOIDC): string | undefined {
  const client = clientOf(ctx)
  return client && (client.clientName ?? client.clientId)
}

function xsrfOf(ctx: KoaContextWithOIDC): string | undefined {
  return (ctx.oidc.session as { state?: { secret: string } }).state?.secret
}
