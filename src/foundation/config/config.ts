import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { BlockList, isIP } from 'node:net'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { mailFrom } from '#foundation/outbox/sender.ts'
import { parseRedisUrl } from '#foundation/redis/redis-url.ts'
import { isLoopback } from '#foundation/values/loopback.ts'

const port = z.coerce.number({ error: 'must be a number from 1 to 65535' }).int().min(1).max(65535)

const issuer = z
  .url({ protocol: /^https?$/, error: 'must be an http(s) URL' })
  .transform((value) => new URL(value))
  .refine((url) => url.pathname === '/' && !url.search && !url.hash && !url.username, {
    error: 'must be an origin such as https://id.example.com, without path, query or user',
  })
  .refine((url) => url.protocol === 'https:' || isLoopback(url), {
    error: 'must be https unless it is a loopback address',
  })
  .transform((url) => url.origin)

const encryptionKeys = z
  .string()
  .transform((value) => value.split(',').map((key) => Buffer.from(key.trim(), 'base64')))
  .refine((keys) => keys.every((key) => key.length === 32), {
    error: 'must be a comma list of 32-byte keys in base64 (make one: openssl rand -base64 32)',
  })

const days = z.coerce.number({ error: 'must be a number of days' }).int().min(1).max(3650)

const trustedProxies = z
  .string()
  .transform((value) =>
    value
      .split(',')
      .map((entry) => entry.trim())
      .filter(Boolean),
  )
  .refine((entries) => entries.every(isAddressOrCidr), { error: 'must be a comma list of IP addresses or CIDRs' })
  .transform(toBlockList)

/** The proxy whose headers tell `/v1/auth/verify` of the request that it asks about. */
export type VerifyProxy = z.infer<typeof verifyProxy>

const verifyProxy = z.enum(['nginx', 'traefik', 'envoy'], { error: 'must be nginx, traefik or envoy' })

/** `z.url` knows no URL with several hosts, as Sentinel and Cluster have them. */
const redisUrl = z.string().superRefine((value, check) => {
  try {
    parseRedisUrl(value)
  } catch (error) {
    check.addIssue({ code: 'custom', message: (error as Error).message })
  }
})

/**
 * Every environment variable that Gatehouse reads; README's table is checked against this schema.
 * Lifetimes are in hours where the name says so.
 */
export const environmentSchema = z.object({
  NODE_ENV: z.string().default('development'),
  PORT: port.default(3000),
  HOST: z.string().min(1).optional(),
  ISSUER: issuer.optional(),
  DATA_DIR: z
    .string()
    .min(1)
    .default('./data')
    .transform((path) => resolve(path)),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' }).optional(),
  REDIS_URL: redisUrl.optional(),
  GATEHOUSE_CONFIG: z.string().min(1).optional(),
  ENCRYPTION_KEYS: encryptionKeys.optional(),
  SMTP_URL: z.url({ protocol: /^smtps?$/, error: 'must be an smtp:// or smtps:// URL' }).optional(),
  MAIL_FROM: mailFrom.optional(),
  WORKERS: z.coerce.number({ error: 'must be a number of processes' }).int().min(1).max(256).default(1),
  TRUST_PROXY: trustedProxies.optional(),
  VERIFY_PROXY: verifyProxy.optional(),
  OUTBOUND_ALLOWED_HOSTS: z
    .string()
    .default('')
    .transform((value) =>
      value
        .split(',')
        .map((host) => host.trim().toLowerCase())
        .filter(Boolean),
    ),
  SIGN_UP: z.enum(['open', 'closed'], { error: 'must be open or closed' }).default('closed'),
  SESSION_HOURS: z.coerce.number({ error: 'must be a number of hours' }).positive().max(720).default(24),
  LOG_RETENTION_DAYS: days.default(365),
  AUDIT_RETENTION_DAYS: days.optional(),
  API_KEY_PREFIX: z
    .string()
    .regex(/^[a-z][a-z0-9]{1,15}$/, 'must be 2 to 16 lower-case letters or digits, starting with a letter')
    .default('gate'),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], { error: 'must be a level such as info' })
    .default('info'),
})

/** Everything a running server needs to know; frozen. Made by `readConfig`, or by a test as a value. */
export interface Config {
  readonly production: boolean
  readonly port: number
  readonly host: string
  /** Issuer identifier and base of every link, an origin without trailing slash. */
  readonly issuer: string
  readonly dataDir: string
  readonly databaseUrl: string | undefined
  readonly redisUrl: string | undefined
  readonly setupFile: string | undefined
  /** 32-byte keys: the first encrypts, all decrypt. */
  readonly encryptionKeys: readonly Buffer[]
  readonly smtpUrl: string | undefined
  readonly mailFrom: string | undefined
  readonly workers: number
  readonly trustedProxies: BlockList | undefined
  readonly verifyProxy: VerifyProxy | undefined
  /** `host` or `host:port` that outbound requests may reach although private or without https. */
  readonly outboundAllowedHosts: readonly string[]
  readonly signUp: 'open' | 'closed'
  readonly sessionSeconds: number
  readonly logRetentionDays: number
  /** Undefined: audit entries are kept for ever. */
  readonly auditRetentionDays: number | undefined
  readonly apiKeyPrefix: string
  readonly logLevel: z.infer<typeof environmentSchema>['LOG_LEVEL']
  /** Demo data and the `/demo` relying party: embedded, unconfigured, loopback and not production. */
  readonly demo: boolean
}

/** The environment cannot be used; `message` names every variable at fault and never its value. */
export class ConfigError extends Error {}

/**
 * Reads and checks the whole environment at once.
 * @param options.newKey the key where there is none yet; without it, one is made and kept in the data directory
 * @throws ConfigError
 */
export function readConfig(environment: NodeJS.ProcessEnv, { newKey }: { newKey?: () => Buffer } = {}): Config {
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const parsed = environmentSchema.safeParse(set)
  if (!parsed.success) {
    throw new ConfigError(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'))
  }
  const values = parsed.data
  const production = values.NODE_ENV === 'production'
  if (values.WORKERS > 1 && !values.DATABASE_URL) {
    throw new ConfigError('WORKERS: more than 1 needs DATABASE_URL; the embedded database serves one process')
  }
  const issuer = values.ISSUER ?? `http://localhost:${values.PORT}`
  return Object.freeze({
    production,
    port: values.PORT,
    host: values.HOST ?? (production ? '0.0.0.0' : '127.0.0.1'),
    issuer,
    dataDir: values.DATA_DIR,
    databaseUrl: values.DATABASE_URL,
    redisUrl: values.REDIS_URL,
    setupFile: values.GATEHOUSE_CONFIG,
    encryptionKeys: values.ENCRYPTION_KEYS ?? generatedEncryptionKeys(values.DATA_DIR, production, newKey),
    smtpUrl: values.SMTP_URL,
    mailFrom: values.MAIL_FROM,
    workers: values.WORKERS,
    trustedProxies: values.TRUST_PROXY,
    verifyProxy: values.VERIFY_PROXY,
    outboundAllowedHosts: values.OUTBOUND_ALLOWED_HOSTS,
    signUp: values.SIGN_UP,
    sessionSeconds: Math.round(values.SESSION_HOURS * 3600),
    logRetentionDays: values.LOG_RETENTION_DAYS,
    auditRetentionDays: values.AUDIT_RETENTION_DAYS,
    apiKeyPrefix: values.API_KEY_PREFIX,
    logLevel: values.LOG_LEVEL,
    demo: !values.GATEHOUSE_CONFIG && !values.DATABASE_URL && !production && isLoopback(issuer),
  })
}

/** Outside production a key is made once and kept beside the data that it protects. */
function generatedEncryptionKeys(dataDir: string, production: boolean, newKey?: () => Buffer): Buffer[] {
  if (production) throw new ConfigError('ENCRYPTION_KEYS: required in production (make one: openssl rand -base64 32)')
  const file = join(dataDir, 'encryption-keys')
  if (!existsSync(file)) {
    if (newKey) return [newKey()]
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    writeFileSync(file, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 })
  }
  const parsed = encryptionKeys.safeParse(readFileSync(file, 'utf8').trim())
  if (!parsed.success) throw new ConfigError(`ENCRYPTION_KEYS: ${file} holds no usable key`)
  return parsed.data
}

function isAddressOrCidr(entry: string): boolean {
  const [address = '', bits, ...rest] = entry.split('/')
  const family = isIP(address)
  if (!family || rest.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}

/** Whether an address is among those of a list. */
export function listsAddress(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

function toBlockList(entries: string[]): BlockList {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/')
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}
