import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { requireDescribed } from './described-answers.ts'
import { basic, type Gatehouse, serviceAccount } from './gatehouse.ts'

/** What a dead, foreign or unknown credential is answered with, byte for byte. */
export const inactive = '{"active":false}'

interface Credentials {
  clientId: string
  clientSecret: string
}

/** An access token by client credentials. */
export async function clientToken(
  url: string,
  parameters: Record<string, string> = {},
  client: Credentials = serviceAccount,
): Promise<string> {
  const response = await fetch(`${url}/oauth/token`, {
    method: 'POST',
    headers: { authorization: basic(client) },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...parameters }),
  })
  const answer = (await response.json()) as { access_token: string }
  if (!answer.access_token) throw new Error(`no token: ${JSON.stringify(answer)}`)
  return answer.access_token
}

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}

interface Request {
  path: string
  method?: string
  headers?: Record<string, string | string[]>
  body?: string
  /** Of another node, which goes by the same name. */
  port?: number
}

/** A request exactly as given: `fetch` would mend headers, methods and targets. */
export function send(url: string, { body, headers, ...options }: Request): Promise<Answer> {
  const { host, port } = new URL(url)
  const all = { host, ...headers }
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, agent: false, ...options, headers: all }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => {
        const answer = { status: response.statusCode ?? 0, headers: response.headers, text }
        const { method = 'GET', path, port: at = port } = options
        requireDescribed(Number(at), { method, path, ...answer }).then(() => resolve(answer), reject)
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

/** `POST /oauth/introspect` with any headers and any body. */
export function askIntrospection(
  url: string,
  headers: Record<string, string>,
  body: string,
  port?: number,
): Promise<Answer> {
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  const where = { path: '/oauth/introspect', method: 'POST', ...(port !== undefined && { port }) }
  return send(url, { ...where, headers: { ...type, ...headers }, body })
}

/** `GET /v1/auth/verify` as a proxy sends it. */
export function verify(url: string, headers: Record<string, string | string[]>, query = ''): Promise<Answer> {
  return send(url, { path: `/v1/auth/verify${query}`, headers })
}

/** Entries of the authentication log, oldest first. */
export function logEntries({ database }: Gatehouse, userAgent?: string) {
  let entries = database.db.selectFrom('authenticationLog').selectAll().orderBy('id')
  if (userAgent !== undefined) entries = entries.where('userAgent', '=', userAgent)
  return entries.execute()
}

/** Sums of uses that have no owner, the first counted first; `via` of one way of presenting. */
export function unknownUses({ database }: Gatehouse, via?: string) {
  let sums = database.db.selectFrom('unknownUses').selectAll().orderBy('id')
  if (via !== undefined) sums = sums.where('via', '=', via)
  return sums.execute()
}

/** The row of an opaque credential. */
export function rowOf({ database }: Gatehouse, token: string) {
  const hash = createHash('sha256').update(token).digest()
  return database.db.selectFrom('credentials').selectAll().where('hash', '=', hash).executeTakeFirstOrThrow()
}

/** Moves the expiry of an opaque credential into the past. */
export async function expire({ database }: Gatehouse, token: string): Promise<void> {
  const hash = createHash('sha256').update(token).digest()
  await database.db
    .updateTable('credentials')
    .set({ expiresAt: new Date(Date.now() - 1000) })
    .where('hash', '=', hash)
    .execute()
}

/** When a token ends, as its row says: seconds since the epoch. */
export async function expiryOf({ database }: Gatehouse, token: string): Promise<number> {
  const hash = createHash('sha256').update(token).digest()
  const { expiresAt } = await database.db
    .selectFrom('credentials')
    .select('expiresAt')
    .where('hash', '=', hash)
    .executeTakeFirstOrThrow()
  return expiresAt.getTime() / 1000
}
