/** One server, the Sentinels that know the primary, or some nodes of a cluster. */
export interface RedisTarget {
  readonly kind: 'single' | 'sentinel' | 'cluster'
  readonly tls: boolean
  readonly nodes: readonly { host: string; port: number }[]
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
  /** The name under which the Sentinels know the primary. */
  readonly primaryName: string | undefined
  readonly sentinelUsername: string | undefined
  readonly sentinelPassword: string | undefined
  /** Begins every key: several installations may share one Redis. */
  readonly keyPrefix: string
}

const form =
  /^(?<scheme>rediss?(?:\+(?:sentinel|cluster))?):\/\/(?:(?<user>[^@/]*)@)?(?<nodes>[^@/?#]+)(?<rest>[/?].*)?$/
const nodeForm = /^(?<host>\[[0-9a-fA-F:.]+\]|[^:[\]]+)(?::(?<port>\d{1,5}))?$/
const parameters = {
  single: ['key_prefix'],
  sentinel: ['key_prefix', 'name', 'sentinel_username', 'sentinel_password'],
  cluster: ['key_prefix'],
}

/**
 * Reads REDIS_URL. It names several servers where there are several, which `URL` cannot read:
 *
 *     redis://[user:password@]host[:6379][/database]
 *     redis+sentinel://[user:password@]host[:26379],host[:26379],…[/database]?name=mymaster
 *     redis+cluster://[user:password@]host[:6379],host[:6379],…
 *
 * `rediss` in place of `redis` speaks TLS, to the Sentinels too. User and password are those of Redis; Sentinels with a
 * password of their own take `&sentinel_username=` and `&sentinel_password=`. `?key_prefix=` replaces `gatehouse:`.
 * @throws Error that says what is wrong and repeats nothing of the URL, which may hold a password
 */
export function parseRedisUrl(text: string): RedisTarget {
  const parts = form.exec(text)?.groups
  if (!parts) throw new Error('must look like redis://host:6379, redis+sentinel://… or redis+cluster://…')
  const [protocol, topology = 'single'] = parts.scheme!.split('+') as [string, RedisTarget['kind'] | undefined]
  const { pathname, searchParams } = new URL(parts.rest ?? '/', 'redis://host')
  requireKnown(searchParams, topology)
  const [username, password] = credentials(parts.user)
  const target: RedisTarget = {
    kind: topology,
    tls: protocol === 'rediss',
    nodes: parts.nodes!.split(',').map((node) => parseNode(node, topology === 'sentinel' ? 26379 : 6379)),
    username,
    password,
    database: parseDatabase(pathname),
    primaryName: searchParams.get('name') ?? undefined,
    sentinelUsername: searchParams.get('sentinel_username') ?? undefined,
    sentinelPassword: searchParams.get('sentinel_password') ?? undefined,
    keyPrefix: searchParams.get('key_prefix') ?? 'gatehouse:',
  }
  requireCoherent(target)
  return target
}

function requireKnown(given: URLSearchParams, topology: RedisTarget['kind']): void {
  const unknown = [...given.keys()].find((name) => !parameters[topology].includes(name))
  if (unknown) throw new Error(`has a parameter that is unknown here; known: ${parameters[topology].join(', ')}`)
}

function requireCoherent({ kind, nodes, database, primaryName }: RedisTarget): void {
  if (kind === 'single' && nodes.length > 1) {
    throw new Error('names several servers: say redis+sentinel:// or redis+cluster://')
  }
  if (kind === 'sentinel' && !primaryName) throw new Error("needs the primary's name, as in ?name=mymaster")
  if (kind === 'cluster' && database !== 0) throw new Error('names a database, but a cluster has only number 0')
}

function credentials(userinfo: string | undefined): [username: string | undefined, password: string | undefined] {
  if (!userinfo) return [undefined, undefined]
  const [username = '', ...password] = userinfo.split(':')
  return [decode(username) || undefined, decode(password.join(':')) || undefined]
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Error('has a user or password that is not percent-encoded')
  }
}

function parseNode(text: string, defaultPort: number): { host: string; port: number } {
  const node = nodeForm.exec(text.trim())?.groups
  const port = node?.port ? Number(node.port) : defaultPort
  if (!node || port < 1 || port > 65535) throw new Error('has a server that is not host or host:port')
  return { host: node.host!.replace(/^\[|\]$/g, ''), port }
}

function parseDatabase(pathname: string): number {
  if (pathname === '/' || pathname === '') return 0
  if (!/^\/\d{1,4}$/.test(pathname)) throw new Error('has a path that is not the number of a database')
  return Number(pathname.slice(1))
}
