import type Koa from 'koa'
import { readForm } from './read-form.ts'

/** The form posted to a page. @throws GatehouseError invalid_request as `readForm` does */
export function formOf(ctx: Koa.Context): Promise<Map<string, string>> {
  return readForm(ctx.req)
}
