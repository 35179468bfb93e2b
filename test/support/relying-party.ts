import * as client from 'openid-client'
import { Browser } from './browser.ts'
import { password, redirectUri } from './gatehouse.ts'

export interface SignedIn {
  config: client.Configuration
  browser: Browser
  tokens: client.TokenEndpointResponse & client.TokenEndpointResponseHelpers
}

interface SignInOptions {
  clientId?: string
  clientSecret?: string
  email?: string
  /** Their password, where it is not the one that everybody in `setup` has. */
  secret?: string
  /** Slug of the organization to pick where the chooser asks. */
  pick?: string
  /** More parameters of the authorization request. */
  parameters?: Record<string, string>
  browser?: Browser
}

/** Discovery as openid-client does it. */
export function discover(url: string, clientId = 'console', clientSecret?: string): Promise<client.Configuration> {
  const authentication = clientSecret ? client.ClientSecretBasic(clientSecret) : client.None()
  return client.discovery(new URL(url), clientId, undefined, authentication, {
    execute: [client.allowInsecureRequests],
  })
}

/** Starts an authorization request in a browser; the page it ends on is `browser.page`. */
export async function beginSignIn(url: string, options: SignInOptions = {}) {
  const config = await discover(url, options.clientId, options.clientSecret)
  const codeVerifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const browser = options.browser ?? new Browser((target) => target.port === '8080')
  const authorizationUrl = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: 'openid profile email',
    state,
    code_challenge: await client.calculatePKCECodeChallenge(codeVerifier),
    code_challenge_method: 'S256',
    ...options.parameters,
  })
  await browser.get(authorizationUrl)
  return {
    config,
    browser,
    codeVerifier,
    state,
    redeem: () =>
      client.authorizationCodeGrant(config, new URL(browser.page.url), {
        pkceCodeVerifier: codeVerifier,
        expectedState: state,
      }),
  }
}

/** E-mail, then password. */
export async function enterPassword(browser: Browser, email: string, secret = password): Promise<void> {
  await browser.submit({ email })
  await browser.submit({ email, password: secret })
}

/** Picks an organization on the chooser by its slug. */
export async function pickOrganization(browser: Browser, slug: string): Promise<void> {
  await browser.submit({ organization: slug }, '/organization')
}

/** The whole way: discovery, PKCE, sign-in, organization, consent where asked, tokens. */
export async function signIn(url: string, options: SignInOptions = {}): Promise<SignedIn> {
  const flow = await beginSignIn(url, options)
  const { browser, config } = flow
  if (browser.page.html.includes('name="email"'))
    await enterPassword(browser, options.email ?? 'ada@acme.test', options.secret)
  if (options.pick && browser.page.html.includes('name="organization"')) await pickOrganization(browser, options.pick)
  if (/action="[^"]*\/consent"/.test(browser.page.html)) await browser.submit({}, '/consent')
  return { config, browser, tokens: await flow.redeem() }
}
