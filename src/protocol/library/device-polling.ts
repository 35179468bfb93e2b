import { type DeviceCode, errors, Provider } from 'oidc-provider'
import { takeTurn } from '#foundation/database/single-use.ts'
import type { PatchParts } from './patch.ts'

/** How long a device waits between two polls (RFC 8628 §3.2). */
export const pollSeconds = 5
/** Polls that leave a device on time arrive a little unevenly. */
const earlySeconds = 1

/**
 * The library answers every poll of a device: one that comes too soon is told `slow_down`, and the next is due five
 * seconds later than it was (RFC 8628 §3.5). Only while the person has not decided: what they gave is handed out at the
 * first poll after, and once, as before.
 */
export function installSlowDown(provider: Provider, { db }: PatchParts): void {
  const library = provider.DeviceCode as unknown as { find: FindDeviceCode }
  const find = library.find.bind(library)
  library.find = async (presented, options) => {
    const code = await find(presented, options)
    const { route, client } = Provider.ctx?.oidc ?? {}
    const polled = code && route === 'token' && client?.clientId === code.clientId && isPending(code)
    if (polled && !(await takeTurn(db(), `DeviceCode poll:${code.jti}`, { everySeconds: pollSeconds, earlySeconds }))) {
      throw new errors.SlowDown()
    }
    return code
  }
}

function isPending(code: DeviceCode): boolean {
  return !code.isExpired && !code.accountId && !code.error
}

type FindDeviceCode = (presented: string, options?: { ignoreExpiration?: boolean }) => Promise<DeviceCode | undefined>
