import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { ReferenceTo } from '#credentials/resolve/credential.ts'
import type { Caller, ResolveCredential } from '#credentials/resolve/resolution.ts'
import { findActiveClient } from '#directory/clients/client-queries.ts'
import { matchingSecret } from '#directory/clients/client-secrets.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { FailureLimit } from '#foundation/http/failure-limit.ts'
import { clientFrom, refuseUntil } from './client-limits.ts'

/** Why a caller may not ask: one answer for every cause, so that nothing can be guessed from it. */
export type CallerFailure = 'invalid_client' | 'invalid_token'

/** What a form says of its sender. */
interface Credentials {
  client_id?: string | undefined
  client_secret?: string | undefined
}

export interface CallerAuthentication {
  /**
   * Client authentication of an introspection request (RFC 7662 §2.1): Basic, post or a Bearer access token.
   * @param ip where it comes from; asked for only where the caller isn't known already
   * @throws GatehouseError too_many_requests, after many wrong secrets
   */
  authenticate(
    headers: IncomingHttpHeaders,
    form: Credentials,
    ip: () => string,
  ): Caller | CallerFailure | Promise<Caller | CallerFailure>
  /** Forgets a caller that has changed since. */
  forget(headers: IncomingHttpHeaders, form: Credentials): void
}

const mostRemembered = 1_000

/** A caller, and until when the secret works that it presented: by this process's own clock, which only goes forward. */
interface Remembered {
  caller: Caller
  untilMs: number
}

/**
 * Remembers who authenticated, under a hash of what was presented: comparing a secret costs a look-up, and the same
 * resource server asks thousands of times a second. A remembered caller is compared with the client's revision inside
 * the resolving statement, so an edited or removed client, and a secret that was taken away, is noticed on every node at
 * its next question. A secret that ends by itself, when another has taken over, is remembered no longer than that.
 */
export function callerAuthentication(parts: {
  db: Queryable
  resolve: ResolveCredential
  referenceTo: ReferenceTo
  wrongSecrets: FailureLimit
}): CallerAuthentication {
  const remembered = new Map<string, Remembered>()

  async function authenticateAndRemember(
    key: string,
    authorization: string,
    form: Credentials,
    ip: string,
  ): Promise<Caller | CallerFailure> {
    const presented = presentedSecret(authorization, form)
    const from = clientFrom(ip, presented?.clientId)
    refuseUntil(parts.wrongSecrets.blockedSeconds(from))
    const authenticated = await authenticateBySecret(parts.db, presented)
    if (!authenticated) {
      refuseUntil(await parts.wrongSecrets.failed(from))
      return 'invalid_client'
    }
    if (remembered.size >= mostRemembered) remembered.clear()
    remembered.set(key, authenticated)
    return authenticated.caller
  }

  /** Not async: a remembered caller, which nearly every one is, costs no turn of the event loop. */
  function authenticate({ authorization = '' }: IncomingHttpHeaders, form: Credentials, ip: () => string) {
    if (/^bearer /i.test(authorization)) {
      if (form.client_secret !== undefined) return 'invalid_client'
      return authenticateByToken(authorization.slice(7).trim(), parts)
    }
    const key = memoryKey(authorization, form)
    const known = remembered.get(key)
    if (known && performance.now() < known.untilMs) return known.caller
    return authenticateAndRemember(key, authorization, form, ip())
  }

  return {
    authenticate,
    forget: ({ authorization = '' }, form) => void remembered.delete(memoryKey(authorization, form)),
  }
}

/** Of all that was presented: what is wrong beside a header that was right a moment ago is still wrong. */
function memoryKey(authorization: string, form: Credentials): string {
  return hash('sha256', `${authorization}\n${form.client_id}\n${form.client_secret}`, 'base64')
}

interface PresentedSecret {
  clientId: string
  secret: string
}

/** RFC 6749 §2.3.1. Undefined: none presented, more than one way at once, or not decodable. */
function presentedSecret(authorization: string, form: Credentials): PresentedSecret | undefined {
  const clientId = form.client_id
  const secret = form.client_secret
  if (!authorization) return clientId && secret ? { clientId, secret } : undefined
  if (secret !== undefined || !/^basic /i.test(authorization)) return undefined
  const decoded = Buffer.from(authorization.slice(6).trim(), 'base64').toString()
  const colon = decoded.indexOf(':')
  if (colon < 1) return undefined
  try {
    const basic = { clientId: formDecoded(decoded.slice(0, colon)), secret: formDecoded(decoded.slice(colon + 1)) }
    return clientId === undefined || clientId === basic.clientId ? basic : undefined
  } catch {
    return undefined
  }
}

function formDecoded(value: string): string {
  return decodeURIComponent(value.replaceAll('+', '%20'))
}

async function authenticateBySecret(
  db: Queryable,
  presented: PresentedSecret | undefined,
): Promise<Remembered | undefined> {
  // The database takes no NUL in a text, and no client has one in its id.
  if (!presented || presented.clientId.includes('\0')) return undefined
  const askedMs = performance.now()
  const client = await findActiveClient(db, presented.clientId)
  const secret = matchingSecret(client?.secrets ?? [], presented.secret)
  if (!client || !secret) return undefined
  const { clientId, revision } = client
  const untilMs = secret.endsInSeconds === null ? Number.POSITIVE_INFINITY : askedMs + secret.endsInSeconds * 1000
  return { caller: { clientId, revision }, untilMs }
}

/** The token must be the client's own (client credentials): a person's token authenticates no resource server. */
async function authenticateByToken(
  token: string,
  { db, resolve, referenceTo }: { db: Queryable; resolve: ResolveCredential; referenceTo: ReferenceTo },
): Promise<Caller | CallerFailure> {
  const reference = await referenceTo(token)
  const resolution = await resolve({ reference, via: 'bearer', caller: undefined })
  if (resolution.outcome !== 'accepted') return 'invalid_token'
  const { kind, userId, clientId, audience } = resolution.credential
  if (kind !== 'access_token' || userId !== null || clientId === null) return 'invalid_token'
  const client = await findActiveClient(db, clientId)
  // One that was asked for another resource server was not meant for us.
  const meantForUs = audience === null || audience === client?.resource
  return client && meantForUs ? { clientId: client.clientId, revision: client.revision } : 'invalid_token'
}
