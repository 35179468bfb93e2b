import type Koa from 'koa'
import { type Form, readForm } from '#foundation/http/read-form.ts'
import type { Csrf } from './csrf.ts'

/**
 * The form posted to a page, which this browser was shown by us.
 * @throws GatehouseError invalid_request as `readForm` does, permission_denied as `Csrf.require` does
 */
export async function postedForm(ctx: Koa.Context, csrf: Csrf): Promise<Form> {
  const form = await readForm(ctx.req)
  csrf.require(ctx, form)
  return form
}
