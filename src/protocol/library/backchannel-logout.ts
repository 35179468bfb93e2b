import { type Client, Provider } from 'oidc-provider'
import { waitingLogoutTokens } from '#protocol/request/logout-tokens.ts'

/** The library would tell the clients while their tokens are still alive: what it sends is kept for the end instead. */
export function installWaitingLogoutTokens(provider: Provider): void {
  const client = provider.Client.prototype as unknown as LogoutClient
  const send = client.backchannelLogout
  client.backchannelLogout = async function keep(sub, sid) {
    const waiting = Provider.ctx && waitingLogoutTokens.get(Provider.ctx)
    if (!waiting) return send.call(this, sub, sid)
    waiting.push(() => send.call(this, sub, sid))
  }
}

/** OpenID Connect Back-Channel Logout 1.0 §2.5; does nothing for a client that doesn't want to be told. */
export async function sendLogoutToken(client: Client, sub: string, sid: string | undefined): Promise<void> {
  if (client.backchannelLogoutUri) await (client as unknown as LogoutClient).backchannelLogout(sub, sid)
}

/** The member that the library's types leave out. */
interface LogoutClient {
  backchannelLogout(this: unknown, sub: string, sid: string | undefined): Promise<void>
}
