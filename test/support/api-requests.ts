import { availableDatabases } from './databases.ts'
import { type Gatehouse, password } from './gatehouse.ts'
import { type Answer, type Deployment, deploy, type Request, type Stores, send } from './wire.ts'

export type { Answer }

/** For `describe.each`: each database, with two nodes where it can serve two. */
export const databases = availableDatabases()

export function deployOn(database: Stores['database'], options?: Parameters<typeof deploy>[1]): Promise<Deployment> {
  return deploy({ name: database, database, redis: false }, options)
}

export interface Call {
  method?: string
  headers?: Record<string, string>
  port?: number
  /** Sent as it is when it is text. */
  json?: unknown
}

/** One request to the JSON API. */
export function call(gatehouse: Gatehouse, path: string, { method, headers, port, json }: Call = {}): Promise<Answer> {
  const hasBody = json !== undefined
  const request: Request = {
    method: method ?? (hasBody ? 'POST' : 'GET'),
    path,
    headers: { ...(hasBody && { 'content-type': 'application/json' }), ...headers },
    ...(hasBody && { body: typeof json === 'string' ? json : JSON.stringify(json) }),
  }
  return send(gatehouse, port ?? gatehouse.config.port, request)
}

let programs = 0

/** As a program of its own: what another one has just asked for is no business of it. */
export function authenticate(gatehouse: Gatehouse, fields: Record<string, unknown> = {}, more: Call = {}) {
  const json = { email: 'grace@globex.test', password, ...fields }
  return call(gatehouse, '/v1/auth/authenticate', {
    ...more,
    json,
    headers: { 'user-agent': `program ${++programs}`, ...more.headers },
  })
}

export interface Tokens {
  access: string
  refresh: string
}

export function tokensOf({ status, json, text }: Answer): Tokens {
  if (status !== 200) throw new Error(`${status} ${text}`)
  return { access: String(json.access_token), refresh: String(json.refresh_token) }
}

/** A grant of its own. */
export async function newTokens(gatehouse: Gatehouse, fields: Record<string, unknown> = {}): Promise<Tokens> {
  return tokensOf(await authenticate(gatehouse, fields))
}

export function bearer(token: string): { headers: Record<string, string> } {
  return { headers: { authorization: `Bearer ${token}` } }
}

/** Moves the end of every kept answer into the past, as waiting for ten seconds would. */
export async function forgetKeptAnswers({ database }: Gatehouse): Promise<void> {
  await database.db
    .updateTable('tokenAnswers')
    .set({ expiresAt: new Date(Date.now() - 1000) })
    .execute()
}

/** Forgets failed sign-ins, as waiting for five minutes would. */
export async function forgetTries({ database }: Gatehouse): Promise<void> {
  await database.pool.query({ text: 'delete from rate_limits' })
}
