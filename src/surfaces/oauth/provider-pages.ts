import { requestIdOf } from '#foundation/http/request-state.ts'
import type { ProviderPages } from '#protocol/provider/page-sources.ts'
import type { Render } from '#surfaces/page-kit/render.ts'

/** The pages that oidc-provider asks us for: errors, sign-out and the device code. */
export function providerPages({ render }: { render: Render }): ProviderPages {
  return {
    async error(ctx, { error, description }) {
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
    signOut: (ctx, { leadsTo, ...page }) => render(ctx, 'oauth/sign-out', page, { formAction: leadsTo }),
    signedOut: (ctx, page) => render(ctx, 'oauth/signed-out', page),
    deviceCode: (ctx, { refused, ...form }) =>
      render(
        ctx,
        'oauth/device-code',
        { ...form, userCode: refused?.userCode, error: refused && deviceErrorMessage(refused.name) },
        { status: refused ? ctx.status : 200 },
      ),
    deviceConfirm: (ctx, page) => render(ctx, 'oauth/device-confirm', { ...page }),
    deviceDone: (ctx, page) => render(ctx, 'oauth/device-done', page),
  }
}

/** The library's descriptions are for developers; these are for the people who see them most. */
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

function deviceErrorMessage(name: string): string {
  const messages: Record<string, string> = {
    NoCodeError: 'Enter the code that your device shows.',
    NotFoundError: 'That code is not known. Check it and try again.',
    ExpiredError: 'That code has expired. Ask your device for a new one.',
    AlreadyUsedError: 'That code has been used. Ask your device for a new one.',
    AbortedError: 'Signing in on the device was cancelled.',
  }
  return messages[name] ?? 'That did not work. Try again.'
}
