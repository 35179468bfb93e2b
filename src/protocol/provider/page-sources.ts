import type Koa from 'koa'
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider'
import { formTargetOf } from '#foundation/http/form-target.ts'
import { keepUiLocales } from '#foundation/http/request-language.ts'
import { signOutTargets } from './upstream-sign-out.ts'

/** What the library asks us to render, in our own words. */
export interface ProviderPages {
  error(ctx: Koa.Context, refusal: { error: string; description: string | undefined }): Promise<void>
  signOut(ctx: Koa.Context, page: ProviderForm & { clientName: string | undefined; leadsTo: string[] }): Promise<void>
  signedOut(ctx: Koa.Context, page: { clientName: string | undefined; clientUri: string | undefined }): Promise<void>
  deviceCode(ctx: Koa.Context, page: ProviderForm & { refused?: DeviceCodeRefusal | undefined }): Promise<void>
  deviceConfirm(
    ctx: Koa.Context,
    page: ProviderForm & { userCode: string; clientName: string | undefined },
  ): Promise<void>
  deviceDone(ctx: Koa.Context, page: { clientName: string | undefined }): Promise<void>
}

/** A form that the library reads: where it goes, and the token that it expects in `xsrf`. */
export interface ProviderForm {
  action: string
  xsrf: string | undefined
}

export interface DeviceCodeRefusal {
  /** As the library names it. */
  name: string
  userCode: string | undefined
}

type Features = NonNullable<Configuration['features']>

/** The members of the library's configuration by which it asks for pages. */
export function pageSources(pages: ProviderPages): {
  renderError: NonNullable<Configuration['renderError']>
  deviceFlow: NonNullable<Features['deviceFlow']>
  rpInitiatedLogout: NonNullable<Features['rpInitiatedLogout']>
} {
  return {
    renderError: (ctx, { error, error_description: description }) =>
      pages.error(inItsLanguage(ctx), { error: String(error), description: description as string | undefined }),
    deviceFlow: {
      enabled: true,
      userCodeInputSource: (ctx, _form, _out, error) =>
        pages.deviceCode(ctx, { ...formOf(ctx, 'code_verification'), refused: error && refusalOf(error) }),
      userCodeConfirmSource: (ctx, _form, _client, _device, userCode) =>
        pages.deviceConfirm(ctx, { ...formOf(ctx, 'code_verification'), userCode, clientName: clientName(ctx) }),
      successSource: (ctx) => pages.deviceDone(ctx, { clientName: clientName(ctx) }),
    },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (ctx) =>
        pages.signOut(inItsLanguage(ctx), {
          ...formOf(ctx, 'end_session_confirm'),
          clientName: clientName(ctx),
          leadsTo: [...formTargetsOf(ctx), ...signOutTargets(ctx.oidc.session)],
        }),
      postLogoutSuccessSource: (ctx) =>
        pages.signedOut(inItsLanguage(ctx), { clientName: clientName(ctx), clientUri: ctx.oidc.client?.clientUri }),
    },
  }
}

/** A request says in which language its pages speak (`ui_locales`), also where it ends in an error or signs out. */
function inItsLanguage<Context extends Koa.Context>(ctx: Context): Context {
  keepUiLocales(ctx, (ctx as unknown as KoaContextWithOIDC).oidc?.params?.ui_locales)
  return ctx
}

/** Where a page of the library may lead: its own forms (form_post, signing out first) end at the client. */
export function formTargetsOf(ctx: Koa.Context): string[] {
  const { oidc } = ctx as KoaContextWithOIDC
  const asked = [oidc?.params?.redirect_uri, oidc?.entities?.Interaction?.params?.redirect_uri]
  return [...asked, oidc && signOutState(oidc)?.postLogoutRedirectUri]
    .filter((uri): uri is string => typeof uri === 'string' && URL.canParse(uri))
    .map(formTargetOf)
}

function formOf(ctx: KoaContextWithOIDC, route: string): ProviderForm {
  return { action: ctx.oidc.urlFor(route), xsrf: signOutState(ctx.oidc)?.secret }
}

/** What the library keeps in the session between a form and its answer. */
function signOutState({
  session,
}: KoaContextWithOIDC['oidc']): { secret: string; postLogoutRedirectUri?: string } | undefined {
  return (session as { state?: { secret: string; postLogoutRedirectUri?: string } } | undefined)?.state
}

function clientName(ctx: KoaContextWithOIDC): string | undefined {
  const { client } = ctx.oidc
  return client && (client.clientName ?? client.clientId)
}

function refusalOf(error: Error): DeviceCodeRefusal {
  return { name: error.name, userCode: (error as { userCode?: string }).userCode }
}
