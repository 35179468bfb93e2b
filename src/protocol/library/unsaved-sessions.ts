import { Provider, type Session } from 'oidc-provider'
import { cookieOptions } from '#protocol/request/cookies.ts'
import type { PatchParts } from './patch.ts'

/**
 * The device page shows its form again after an error. A browser that came without a session (it expired meanwhile) needs
 * one for that form, and the library can only save those that were saved before.
 */
export function installUnsavedSessions(provider: Provider, { deviceCodeSeconds }: PatchParts): void {
  const session = provider.Session.prototype as Session & { id: string; persist(): Promise<string> }
  const { persist } = session
  session.persist = async function persistOrSave(this: typeof session) {
    const ctx = Provider.ctx
    if (this.exp !== undefined || !ctx) return persist.call(this)
    ctx.cookies.set(provider.cookieName('session'), this.id, cookieOptions)
    return this.save(deviceCodeSeconds)
  }
}
