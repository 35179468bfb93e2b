import { requestIdOf } from '#foundation/http/request-state.ts'
import { type Message, message, type Text } from '#foundation/messages/message.ts'
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
          ...errorInWords(error, description),
          hint: message('oauth.error.hint'),
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
const errors = ['invalid_client', 'invalid_redirect_uri', 'access_denied'] as const

function errorInWords(error: string, description: string | undefined): { title: Text; message: Text } {
  if (error === 'server_error') {
    return { title: message('page-kit.error.internal'), message: message('page-kit.error.internal_lead') }
  }
  const known = errors.find((one) => one === error)
  return known
    ? { title: message(`oauth.error.${known}`), message: message(`oauth.error.${known}_lead`) }
    : { title: message('page-kit.error.failed'), message: description ?? message('oauth.error.unanswerable') }
}

const deviceErrors = ['NoCodeError', 'NotFoundError', 'ExpiredError', 'AlreadyUsedError', 'AbortedError'] as const

function deviceErrorMessage(name: string): Message {
  return message(`oauth.device.${deviceErrors.find((one) => one === name) ?? 'failed'}`)
}
