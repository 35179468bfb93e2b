import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ReferenceTo } from '#credentials/resolve/credential.ts'
import type { Resolution, ResolveCredential } from '#credentials/resolve/resolution.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { ClientAddress } from '#foundation/http/client-address.ts'
import type { DirectRoute } from '#foundation/http/direct-routes.ts'
import { headersOfError, statusOfCode } from '#foundation/http/problem-details.ts'
import { type Form, formTextAtHand, readForm } from '#foundation/http/read-form.ts'
import { directHeaders } from '#foundation/http/security-headers.ts'
import { logPath, logText } from '#foundation/values/log-text.ts'
import type { CallerAuthentication, CallerFailure } from './authenticate-caller.ts'
import { inactive, introspectionAnswers } from './introspection-answer.ts'
import { type IntrospectionForm, introspectionForm } from './introspection-form.ts'

export interface IntrospectionParts {
  issuer: string
  callers: CallerAuthentication
  resolve: ResolveCredential
  referenceTo: ReferenceTo
  clientAddress: ClientAddress
}

/** With a flat list of the headers of every answer. */
interface AnswerParts extends IntrospectionParts {
  headers: readonly string[]
  print: (resolution: Resolution) => string
}

/**
 * `POST /oauth/introspect` (RFC 7662), on the node:http listener in front of Koa: the fleet calls it for every request
 * that it serves. Our own because oidc-provider's refuses every JWT and costs several times as much.
 *
 * Nothing is waited for that is there: the body has come by the next tick, the caller is remembered, an opaque token needs
 * no signature checked. So the one promise of nearly every request is that of its batch.
 */
export function introspectionApi(parts: IntrospectionParts): DirectRoute {
  const { issuer } = parts
  const whole = { ...parts, headers: directHeaders(issuer), print: introspectionAnswers(issuer) }
  return (request, response) =>
    new Promise((resolve) => {
      process.nextTick(() => resolve(answerOrProblem(whole, request, response)))
    })
}

async function answerOrProblem(parts: AnswerParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const read = formAtHand(request)
    await answer(parts, request, response, read instanceof Promise ? await read : read)
  } catch (error) {
    if (!(error instanceof GatehouseError)) throw error
    const status = statusOfCode[error.code]
    const name = status < 429 ? 'invalid_request' : 'temporarily_unavailable'
    const headers = [...parts.headers, ...Object.entries(headersOfError(error)).flat()]
    send(response, status, JSON.stringify({ error: name, error_description: error.message }), headers)
  }
}

async function answer(
  parts: AnswerParts,
  request: IncomingMessage,
  response: ServerResponse,
  { form, problem }: FormOrProblem,
): Promise<void> {
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
    if (resolution.outcome !== 'caller_changed') return send(response, 200, parts.print(resolution), parts.headers)
    parts.callers.forget(headers, form)
  }
  return send(response, 200, inactive, parts.headers)
}

/** A caller that is not authenticated is told that first, whatever else is wrong. */
interface FormOrProblem {
  form: Form | IntrospectionForm
  problem?: GatehouseError
}

function formAtHand(request: IncomingMessage): FormOrProblem | Promise<FormOrProblem> {
  try {
    const text = formTextAtHand(request)
    return text === undefined ? formWhenWhole(request) : { form: introspectionForm(text) }
  } catch (error) {
    return problemOf(error)
  }
}

async function formWhenWhole(request: IncomingMessage): Promise<FormOrProblem> {
  try {
    return { form: await readForm(request, { anyBytes: true }) }
  } catch (error) {
    return problemOf(error)
  }
}

function problemOf(error: unknown): FormOrProblem {
  if (!(error instanceof GatehouseError)) throw error
  return { form: {}, problem: error }
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
