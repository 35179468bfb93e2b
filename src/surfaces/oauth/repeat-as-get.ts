import { stringify } from 'node:querystring'
import type Koa from 'koa'
import { GatehouseError } from '#foundation/errors.ts'
import { readBody } from '#foundation/http/read-body.ts'
import { readForm } from '#foundation/http/read-form.ts'
import { seeOther } from '#foundation/http/see-other.ts'

/** What an address may hold of parameters: node:http takes 16 KB of headers, cookies among them. */
const longestForm = 8_192

/** They belong to other endpoints, and an address ends up in histories and logs. */
const secrets = ['client_secret', 'client_assertion', 'code_verifier', 'password', 'access_token', 'refresh_token']

/**
 * A request of a browser that came as a form (OpenID Connect Core §3.1.2.1, RP-Initiated Logout §2) is sent on to the same
 * address with the same parameters. The library's own way needs cookies that other sites' forms carry (`SameSite=None`);
 * this way there is nothing that a form of another site can do and a link of it can't.
 * @throws GatehouseError invalid_request: no form, a parameter twice, more than 8 KB, or a secret among them
 */
export async function repeatAsGet(ctx: Koa.Context): Promise<void> {
  await readBody(ctx.req, longestForm)
  const form = await readForm(ctx.req)
  const secret = secrets.find((name) => form[name] !== undefined)
  if (secret) throw new GatehouseError('invalid_request', `the parameter ${secret} does not belong here`)
  seeOther(ctx, `${ctx.path}?${stringify({ ...form })}`)
}
