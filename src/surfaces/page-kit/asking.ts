import type Koa from 'koa'
import { placeOf } from '#foundation/http/client-address.ts'
import { addressOf } from '#foundation/http/request-state.ts'
import type { Asking } from '#foundation/outbox/mail.ts'
import { deviceName } from '#foundation/values/device-name.ts'

/** Who asks for a mail, as far as the request tells. */
export function askingOf(ctx: Koa.Context): Asking {
  const address = addressOf(ctx)
  return {
    at: new Date().toISOString(),
    device: deviceName(ctx.get('user-agent') || null),
    ...(address && { place: placeOf(address) }),
  }
}
