import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ReferenceTo } from '#credentials/resolve/credential.ts'
import type { ResolveCredential } from '#credentials/resolve/resolve-credentials.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { ClientAddress } from '#foundation/http/client-address.ts'
import { headersOfError, statusOfCode } from '#foundation/http/problem-details.ts'
import { type Form, readForm } from '#foundation/http/read-form.ts'
import { directHeaders } from '#foundation/http/security-headers.ts'
import { logPath, logText } from '#foundation/values/log-text.ts'
import type { CallerAuthentication, CallerFailure } from './authenticate-caller.ts'
import { inactive, introspectionAnswer } from './introspection-answer.ts'

export interface IntrospectionParts {
  issuer: string
  callers: CallerAuthentication
  resolve: ResolveCredential
  referenceTo: ReferenceTo
  clientAddress: ClientAddress
}

/** With a flat list of the headers of every answer. */
type AnswerParts = IntrospectionParts & { headers: readonly string[] }

/**
 * `POST /oauth/introspect` (RFC 7662), on the node:http listener in front of Koa: the fleet calls it for every request
 * that it serves. Our own because oidc-provider's refuses every JWT and costs several times as much.
 */
export function introspectionApi(parts: IntrospectionParts) {
  const withHeaders = { ...parts, headers: directHeaders(parts.issuer) }
  return async function introspect(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await answer(withHeaders, request, response)
    } catch (error) {
      if (!(error instanceof GatehouseError)) throw error
      const status = statusOfCode[error.code]
      const name = status < 429 ? 'invalid_request' : 'temporarily_unavailable'
      const headers = [...withHeaders.headers, ...Object.entries(headersOfError(error)).flat()]
      send(response, status, JSON.stringify({ error: name, error_description: error.message }), headers)
    }
  }
}

async function answer(parts: AnswerParts, request: IncomingMessage, response: ServerResponse) {
  const { form, problem } = await readFormOrProblem(request)
  const { headers } = request
  for (let attempt = 0; attempt < 2; attempt++) {
    const known = parts.callers.authenticate(headers, form, () => parts.clientAddress(request))
    const caller = known instanceof Promise ? await known : known
    if (typeof caller === 'string') return refuse(response, caller, parts)
    if (problem) throw problem
    const token = form.token
    if (!token) throw new GatehouseError('invalid_request', 'the parameter token is missing')
    const reference = parts.referenceTo(token)
    const resolution = await parts.resolve({
      reference: reference instanceof Promise ? await reference : reference,
      via: 'introspection',
      caller,
      ip: logText(form.ip, 64),
      userAgent: logText(form.user_agent),
      method: logText(form.method, 16),
      path: logPath(form.path),
    })
    if (resolution.outcome !== 'caller_changed')
      return send(response, 200, introspectionAnswer(resolution, parts.issuer), parts.headers)
    parts.callers.forget(headers, form)
  }
  return send(response, 200, inactive, parts.headers)
}

/** A caller that is not authenticated is told that first, whatever else is wrong. */
async function readFormOrProblem(request: IncomingMessage): Promise<{ form: Form; problem?: GatehouseError }> {
  try {
    return { form: await readForm(request, { anyBytes: true }) }
  } catch (problem) {
    if (!(problem instanceof GatehouseError)) throw problem
    return { form: {}, problem }
  }
}

function refuse(response: ServerResponse, error: CallerFailure, { issuer, headers }: AnswerParts): void {
  const scheme = error === 'invalid_token' ? 'Bearer' : 'Basic'
  const challenge = ['WWW-Authenticate', `${scheme} realm="${issuer}", error="${error}"`]
  const body = JSON.stringify({ error, error_description: 'client authentication failed' })
  send(response, 401, body, [...headers, ...challenge])
}

/** Headers as a flat list, which node:http passes on without a look at each. */
function send(response: ServerResponse, status: number, body: string, headers: readonly string[]): void {
  response.writeHead(status, [
    'Content-Type',
    'application/json; charset=utf-8',
    'Content-Length',
    String(Buffer.byteLength(body)),
    ...headers,
  ])
  response.end(body)
}
