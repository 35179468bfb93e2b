import { type IncomingHttpHeaders, request } from 'node:http'
import { pino } from 'pino'
import { credentialResolver } from '#credentials/resolve/resolve-credentials.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import { availableDatabases, type DatabaseKind, openTestRedis, redisAvailable, type TestRedis } from './databases.ts'
import { requireDescribed } from './described-answers.ts'
import { basic, type Gatehouse, startAnotherNode, startGatehouse } from './gatehouse.ts'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
  /** Empty when the body is no JSON. */
  json: Record<string, unknown>
}

export interface Request {
  method?: string
  path: string
  headers?: Record<string, string>
  body?: string
}

/** Sends one request to the node that listens on `port`, under the name that everybody knows it by. */
export function send(gatehouse: { url: string }, port: number, { method = 'GET', path, headers, body }: Request) {
  return new Promise<Answer>((resolve, reject) => {
    const host = new URL(gatehouse.url).host
    const sent = request({ host: '127.0.0.1', port, method, path, headers: { host, ...headers } }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        const answer = { status: response.statusCode ?? 0, headers: response.headers, text }
        requireDescribed(port, { method, path, ...answer }).then(
          () => resolve({ ...answer, json: parsed(text) }),
          reject,
        )
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}

export type Fields = Record<string, string> | [string, string][]

/** Posts a form, as clients do. */
export function postForm(
  gatehouse: Gatehouse,
  path: string,
  fields: Fields,
  { headers = {}, port = gatehouse.config.port }: { headers?: Record<string, string>; port?: number } = {},
): Promise<Answer> {
  return send(gatehouse, port, {
    method: 'POST',
    path,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(fields).toString(),
  })
}

export interface Secret {
  clientId: string
  clientSecret: string
}

/** A token request of the public client `console`, or of whoever authenticates. */
export function requestToken(
  gatehouse: Gatehouse,
  fields: Record<string, string>,
  { as, port }: { as?: Secret; port?: number } = {},
): Promise<Answer> {
  const headers: Record<string, string> = as ? { authorization: basic(as) } : {}
  const identified = as ? fields : { client_id: 'console', ...fields }
  return postForm(gatehouse, '/oauth/token', identified, { headers, ...(port && { port }) })
}

/** A server under test, and every node of it that there is. */
export interface Deployment {
  gatehouse: Gatehouse
  ports: number[]
  stop(): Promise<void>
}

export interface Stores {
  name: string
  database: DatabaseKind
  redis: boolean
}

/** Each combination of stores that this machine has, for `describe.each`. */
export function availableStores(): Stores[] {
  const stores = availableDatabases().map((database) => ({ name: database as string, database, redis: false }))
  const [database] = availableDatabases()
  if (redisAvailable()) stores.push({ name: `${database} with Redis`, database: database!, redis: true })
  return stores
}

/** Two nodes where the database can serve two. */
export async function deploy(
  { database, redis }: Stores,
  options: Omit<NonNullable<Parameters<typeof startGatehouse>[0]>, 'database' | 'redisUrl'> = {},
): Promise<Deployment & { redis: TestRedis | undefined }> {
  const testRedis = redis ? openTestRedis() : undefined
  const gatehouse = await startGatehouse({ ...options, database, ...(testRedis && { redisUrl: testRedis.redisUrl }) })
  const other = database === 'postgres' ? await startAnotherNode(gatehouse) : undefined
  return {
    gatehouse,
    ports: [gatehouse.config.port, other?.port ?? gatehouse.config.port],
    redis: testRedis,
    async stop() {
      await other?.stop()
      await gatehouse.stop()
      await testRedis?.drop()
    },
  }
}

/** The same thing many times at once, in turn on each node. */
export function allAtOnce<T>(count: number, ports: number[], act: (port: number, index: number) => Promise<T>) {
  return Promise.all(Array.from({ length: count }, (_, index) => act(ports[index % ports.length]!, index)))
}

/** Whether a token is active for a resource server; a refresh token is for its own client alone. */
export async function isActive(gatehouse: Gatehouse, token: string): Promise<boolean> {
  const { text, json } = await gatehouse.introspect(token)
  if (!json.active && text !== '{"active":false}') throw new Error(`not exactly inactive: ${text}`)
  return json.active === true || (await isActiveForItsClient(gatehouse, token))
}

/** What introspection would tell the client that a token was given to: one without a secret cannot ask. */
export async function isActiveForItsClient({ database }: Pick<Gatehouse, 'database'>, token: string): Promise<boolean> {
  const client = await database.db
    .selectFrom('credentials as c')
    .innerJoin('clients', 'clients.clientId', 'c.clientId')
    .select(['clients.clientId', 'clients.revision'])
    .where('c.hash', '=', sha256(token))
    .executeTakeFirst()
  if (!client) return false
  const resolve = credentialResolver({ pool: database.pool, log: pino({ level: 'silent' }) })
  const reference = { format: 'opaque', hash: sha256(token).toString('base64') } as const
  return (await resolve({ reference, via: 'introspection', caller: client })).outcome === 'accepted'
}
