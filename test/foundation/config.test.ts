import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ConfigError, environmentSchema, readConfig } from '#foundation/config/config.ts'

const key = Buffer.alloc(32, 7).toString('base64')
const otherKey = Buffer.alloc(32, 9).toString('base64')

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-config-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

function read(environment: NodeJS.ProcessEnv = {}) {
  return readConfig({ DATA_DIR: directory, ...environment })
}

function refusalOf(environment: NodeJS.ProcessEnv): string[] {
  try {
    read(environment)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as Error).message.split('\n')
  }
  throw new Error('it was not refused')
}

describe('readConfig', () => {
  test('without anything: embedded, on loopback, with the demo', () => {
    expect(read()).toEqual({
      production: false,
      port: 3000,
      host: '127.0.0.1',
      issuer: 'http://localhost:3000',
      dataDir: directory,
      databaseUrl: undefined,
      redisUrl: undefined,
      setupFile: undefined,
      encryptionKeys: [expect.any(Buffer)],
      smtpUrl: undefined,
      mailFrom: undefined,
      workers: 1,
      trustedProxies: undefined,
      outboundAllowedHosts: [],
      signUp: 'closed',
      sessionSeconds: 86_400,
      logRetentionDays: 365,
      auditRetentionDays: undefined,
      apiKeyPrefix: 'gate',
      logLevel: 'info',
      demo: true,
    })
    expect(readConfig({ ENCRYPTION_KEYS: key }).dataDir).toBe(join(process.cwd(), 'data'))
  })

  test('is frozen, and an empty variable is an unset one', () => {
    const config = read({ PORT: '', DATABASE_URL: '', HOST: '', GATEHOUSE_CONFIG: '', ENCRYPTION_KEYS: '' })
    expect(Object.isFrozen(config)).toBe(true)
    expect(config).toMatchObject({ port: 3000, host: '127.0.0.1', databaseUrl: undefined, demo: true })
  })

  test('the issuer follows the port, and is an origin without slash', () => {
    expect(read({ PORT: '4000' }).issuer).toBe('http://localhost:4000')
    expect(read({ ISSUER: 'https://ID.example.com/' }).issuer).toBe('https://id.example.com')
    expect(read({ ISSUER: 'https://id.example.com:443' }).issuer).toBe('https://id.example.com')
    expect(read({ ISSUER: 'http://127.0.0.1:8080' }).issuer).toBe('http://127.0.0.1:8080')
    expect(read({ ISSUER: 'http://[::1]:8080' }).issuer).toBe('http://[::1]:8080')
  })

  test('production listens everywhere and needs keys of its own', () => {
    expect(read({ NODE_ENV: 'production', ENCRYPTION_KEYS: key })).toMatchObject({
      production: true,
      host: '0.0.0.0',
      demo: false,
    })
    expect(read({ NODE_ENV: 'production', ENCRYPTION_KEYS: key, HOST: '10.0.0.1' }).host).toBe('10.0.0.1')
    expect(refusalOf({ NODE_ENV: 'production' })).toEqual([expect.stringMatching(/^ENCRYPTION_KEYS: required/)])
    expect(existsSync(join(directory, 'encryption-keys'))).toBe(false)
  })

  test('elsewhere a key is made once, for its owner to read', () => {
    const [first] = read().encryptionKeys
    expect(first).toHaveLength(32)
    expect(read().encryptionKeys).toEqual([first])
    expect(statSync(join(directory, 'encryption-keys')).mode & 0o777).toBe(0o600)
    expect(read({ ENCRYPTION_KEYS: `${key}, ${otherKey}` }).encryptionKeys).toEqual([
      Buffer.alloc(32, 7),
      Buffer.alloc(32, 9),
    ])
    writeFileSync(join(directory, 'encryption-keys'), 'broken')
    expect(refusalOf({})).toEqual([expect.stringMatching(/^ENCRYPTION_KEYS: .*holds no usable key$/)])
  })

  test('units are in the names: hours become seconds', () => {
    expect(read({ SESSION_HOURS: '0.5' }).sessionSeconds).toBe(1800)
    expect(read({ OUTBOUND_ALLOWED_HOSTS: ' IDP.local:8443, localhost ,' }).outboundAllowedHosts).toEqual([
      'idp.local:8443',
      'localhost',
    ])
  })

  test('trusted proxies are addresses and networks', () => {
    const proxies = read({ TRUST_PROXY: '10.0.0.0/8, 192.0.2.1,fd00::/8' }).trustedProxies!
    expect(proxies.check('10.200.0.1')).toBe(true)
    expect(proxies.check('192.0.2.1')).toBe(true)
    expect(proxies.check('192.0.2.2')).toBe(false)
    expect(proxies.check('fd12::1', 'ipv6')).toBe(true)
  })

  test.each<[NodeJS.ProcessEnv, boolean]>([
    [{}, true],
    [{ ISSUER: 'http://127.0.0.1:3000' }, true],
    [{ ISSUER: 'https://localhost' }, true],
    [{ NODE_ENV: 'test' }, true],
    [{ NODE_ENV: 'production', ENCRYPTION_KEYS: key }, false],
    [{ DATABASE_URL: 'postgres://localhost/gatehouse' }, false],
    [{ GATEHOUSE_CONFIG: 'gatehouse.yaml' }, false],
    [{ ISSUER: 'https://id.example.com' }, false],
    [{ ISSUER: 'https://localhost.example.com' }, false],
  ])('the demo with %j: %s', (environment, demo) => expect(read(environment).demo).toBe(demo))

  test.each<[string, string[]]>([
    ['PORT', ['0', '65536', '-1', '3000.5', 'many', ' ', 'NaN', 'Infinity']],
    [
      'ISSUER',
      [
        ...[
          'id.example.com',
          'ftp://id.example.com',
          'http://id.example.com',
          'https://id.example.com/path',
          'https://',
        ],
        ...['https://id.example.com?x', 'https://id.example.com#x', 'https://user@id.example.com', 'http://10.0.0.1'],
      ],
    ],
    ['DATABASE_URL', ['localhost', 'mysql://localhost/x', 'http://localhost']],
    ['REDIS_URL', ['localhost', 'http://localhost']],
    ['ENCRYPTION_KEYS', ['short', key.slice(4), `${key},`, `${key},short`, ',']],
    ['SMTP_URL', ['localhost', 'http://localhost']],
    ['WORKERS', ['0', '-1', '1.5', 'all', '257']],
    ['TRUST_PROXY', ['everybody', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', 'fd00::/129', '10.0.0.1;10.0.0.2', '/8']],
    ['SIGN_UP', ['yes', 'OPEN']],
    ['SESSION_HOURS', ['0', '-1', '721', 'a day']],
    ['LOG_RETENTION_DAYS', ['0', '1.5', '3651', 'long']],
    ['API_KEY_PREFIX', ['Gate', 'g', '1gate', 'gate_key', 'x'.repeat(17)]],
    ['LOG_LEVEL', ['loud', 'INFO']],
  ])('%s is refused by name, never by value', (name, values) => {
    for (const value of values) {
      const lines = refusalOf({ [name]: value })
      expect(lines).toEqual([expect.stringMatching(new RegExp(`^${name}: must `))])
      if (value.trim().length > 3) expect(lines.join()).not.toContain(value)
    }
  })

  test('everything that is wrong is told at once', () => {
    const names = refusalOf({ PORT: 'x', ISSUER: 'x', LOG_LEVEL: 'x' }).map((line) => line.split(':')[0])
    expect(names).toEqual(['PORT', 'ISSUER', 'LOG_LEVEL'])
  })

  test('several processes need PostgreSQL', () => {
    expect(refusalOf({ WORKERS: '2' })).toEqual([expect.stringMatching(/^WORKERS: .*DATABASE_URL/)])
    expect(read({ WORKERS: '2', DATABASE_URL: 'postgres://localhost/x' }).workers).toBe(2)
  })
})

test("README's table of the environment lists exactly the variables that are read", () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const [, section = ''] = /^#+ [^\n]*\bEnvironment\b[^\n]*\n([\s\S]*?)(?=^#+ |(?![\s\S]))/im.exec(readme) ?? []
  const firstCells = [...section.matchAll(/^\|([^|]*)\|/gm)].map(([, cell = '']) => cell)
  const listed = firstCells.flatMap((cell) => [...cell.matchAll(/`([A-Z][A-Z_]+)`/g)].map(([, name]) => name))
  expect(listed.toSorted()).toEqual(Object.keys(environmentSchema.shape).sort())
})
