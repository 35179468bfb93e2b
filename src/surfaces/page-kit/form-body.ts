import type Koa from 'koa'
import { type Form, readForm } from '#foundation/http/read-form.ts'

/** The form posted to a page. @throws GatehouseError invalid_request as `readForm` does */
export function formOf(ctx: Koa.Context): Promise<Form> {
  return readForm(ctx.req)
}
