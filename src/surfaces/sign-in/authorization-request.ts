/** What an application asks for, as its interaction keeps it: read once, when the interaction is. */
export interface AuthorizationRequest {
  clientId: string
  redirectUri: string | undefined
  scopes: string[]
  state: string | undefined
  /** Slug or id. */
  organization: string | undefined
  /** Handle or name. */
  connection: string | undefined
  loginHint: string | undefined
  uiLocales: string | undefined
  /** The application wants to be sure of who sits there now (OpenID Connect Core §3.1.2.1). */
  wantsFreshSignIn: boolean
}

/** @param params what oidc-provider has checked: a parameter is a text, or absent */
export function readAuthorizationRequest(params: Record<string, unknown>): AuthorizationRequest {
  const text = (name: string) => (typeof params[name] === 'string' ? params[name] : undefined)
  const words = (name: string) => text(name)?.split(' ').filter(Boolean) ?? []
  return {
    clientId: text('client_id') ?? '',
    redirectUri: text('redirect_uri'),
    scopes: words('scope'),
    state: text('state'),
    organization: text('organization'),
    connection: text('connection'),
    loginHint: text('login_hint'),
    uiLocales: text('ui_locales'),
    wantsFreshSignIn: words('prompt').includes('login') || params.max_age !== undefined,
  }
}
