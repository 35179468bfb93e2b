import type { ClientCredentials, Provider } from 'oidc-provider'
import { scopeOfHolder } from '#protocol/request/scope-of-holder.ts'

/** A service account's token names at most the permissions that the account has: the library compares no rights. */
export function installClientCredentialsScope(provider: Provider): void {
  const token = provider.ClientCredentials.prototype as ClientCredentials & { save(): Promise<string> }
  const { save } = token
  token.save = function saveWithinRights(this: typeof token) {
    const held = this.client?.permissions as string[] | undefined
    if (this.scope) this.scope = scopeOfHolder(this.scope, held ?? [])
    return save.call(this)
  }
}
