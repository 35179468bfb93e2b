import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { environmentOf, runGatehouse } from '#support/command-line.ts'
import { postgresAvailable } from '#support/databases.ts'
import { freePort } from '#support/free-port.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { startMailServer } from '#support/mail-server.ts'
import type { Finding } from '#surfaces/doctor/finding.ts'

interface Examined {
  status: number
  findings: Finding[]
}

async function examined(environment: NodeJS.ProcessEnv, ...words: string[]): Promise<Examined> {
  const { status, stdout } = await runGatehouse(['doctor', '--json', ...words], environment)
  return { status, findings: JSON.parse(stdout).findings }
}

function of({ findings }: Examined, check: string): Finding[] {
  return findings.filter((finding) => finding.check === check)
}

describe.runIf(postgresAvailable())('beside a running server', () => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database: 'postgres' })
  })
  afterAll(() => gatehouse.stop())

  test('a deployment in order is told so, check by check', async () => {
    const { status, stdout, stderr } = await runGatehouse(['doctor'], environmentOf(gatehouse))
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    for (const check of ['configuration', 'proxy', 'clock', 'signing keys', 'clients', 'mail', 'issuer']) {
      expect(stdout).toContain(`✓ ${check}: `)
    }
    expect(stdout).toMatch(/^. database: PostgreSQL \d+/m)
    expect(stdout).toMatch(/^0 wrong, \d+ warnings$/m)
  })

  test('weak clients and a secret that ends are named, with what to do', async () => {
    const { db } = gatehouse.database
    const metadata = { redirect_uris: ['http://elsewhere.example/'], require_pkce: false, response_types: ['id_token'] }
    await sql`update clients set metadata = metadata || ${JSON.stringify(metadata)}::jsonb where client_id = 'webapp'`.execute(
      db,
    )
    await sql`update client_secrets set expires_at = now() + interval '2 days' where client_id = 'nightly-export'`.execute(
      db,
    )
    await sql`update client_secrets set expires_at = now() - interval '2 days' where client_id = 'inventory-api'`.execute(
      db,
    )
    const answer = await examined(environmentOf(gatehouse))
    expect(answer.status).toBe(1)
    const messages = of(answer, 'clients').map(({ level, message }) => `${level}: ${message}`)
    expect(messages).toContain('warning: client webapp needs no PKCE: a stolen code can be redeemed')
    expect(messages).toContain('wrong: client webapp is registered for the implicit or the password grant')
    expect(messages).toContain('wrong: client webapp is sent codes over http: http://elsewhere.example/')
    expect(messages).toContain('wrong: resource server inventory-api has no secret that works any more')
    expect(messages).toContainEqual(
      expect.stringMatching(/^warning: the last secret of client nightly-export ends in 2 d/),
    )
    expect(of(answer, 'clients').every(({ advice }) => advice)).toBe(true)
  })

  test('keys that nobody can read, or that sign for long, are told', async () => {
    const ENCRYPTION_KEYS = Buffer.alloc(32, 7).toString('base64')
    const unreadable = await examined({ ...environmentOf(gatehouse), ENCRYPTION_KEYS })
    expect(of(unreadable, 'signing keys')).toMatchObject([
      { level: 'wrong', advice: expect.stringContaining('ENCRYPTION_KEYS') },
    ])
    await sql`update signing_keys set status_since = now() - interval '200 days' where status = 'current'`.execute(
      gatehouse.database.db,
    )
    expect(of(await examined(environmentOf(gatehouse)), 'signing keys')).toMatchObject([
      { level: 'warning', message: 'the current keys have signed for 200 days' },
    ])
  })

  test('warnings fail only where that is asked for', async () => {
    const environment = { ...environmentOf(gatehouse), LOG_RETENTION_DAYS: '2' }
    const { findings } = await examined(environment)
    expect(findings).toContainEqual(expect.objectContaining({ check: 'configuration', level: 'warning' }))
    expect((await examined(environment, '--strict')).status).toBe(1)
  })
})

describe('without a server', () => {
  let DATA_DIR: string
  beforeAll(() => {
    DATA_DIR = mkdtempSync(join(tmpdir(), 'gatehouse-doctor-'))
  })
  afterAll(() => rmSync(DATA_DIR, { recursive: true }))

  test('variables that cannot be used are each told', async () => {
    const answer = await examined({ PORT: 'many', ISSUER: 'nowhere' })
    expect(answer).toMatchObject({
      status: 1,
      findings: [{ check: 'configuration', level: 'wrong' }, { level: 'wrong' }],
    })
  })

  test('what production needs and does not have is told', async () => {
    const port = await freePort()
    const ENCRYPTION_KEYS = Buffer.alloc(32, 7).toString('base64')
    const DATABASE_URL = `postgres://nobody@127.0.0.1:${port}/none`
    const REDIS_URL = `redis://127.0.0.1:${port}`
    const answer = await examined({ DATA_DIR, NODE_ENV: 'production', ENCRYPTION_KEYS, DATABASE_URL, REDIS_URL })
    expect(answer.status).toBe(1)
    for (const check of ['configuration', 'database', 'redis', 'mail']) {
      expect(of(answer, check)).toContainEqual(
        expect.objectContaining({ level: 'wrong', advice: expect.stringMatching(/./) }),
      )
    }
    expect(JSON.stringify(answer)).not.toContain(ENCRYPTION_KEYS)
  })

  test('the mail server is asked, and sent a mail only where that was asked for', async () => {
    const server = await startMailServer()
    const environment = { DATA_DIR, SMTP_URL: server.url, MAIL_FROM: 'id@example.test' }
    expect(of(await examined(environment), 'mail')).toMatchObject([{ level: 'ok' }])
    expect(server.mails).toEqual([])
    expect(of(await examined(environment, '--mail-to', 'ops@example.test'), 'mail')).toMatchObject([{ level: 'ok' }])
    expect(server.mails.map(({ from, to }) => ({ from, to }))).toEqual([
      { from: 'id@example.test', to: ['ops@example.test'] },
    ])
    await server.stop()
    expect(of(await examined(environment), 'mail')).toMatchObject([{ level: 'wrong' }])
  })

  test('a proxy that is not named, one that is everybody, and one without https are told', async () => {
    const proxy = async (environment: NodeJS.ProcessEnv) =>
      of(await examined({ DATA_DIR, ...environment }), 'proxy').map(({ level }) => level)
    expect(await proxy({ ISSUER: 'https://127.0.0.1:1' })).toEqual(['warning'])
    expect(await proxy({ ISSUER: 'https://127.0.0.1:1', TRUST_PROXY: '0.0.0.0/0' })).toEqual(['wrong'])
    expect(await proxy({ TRUST_PROXY: '10.0.0.1' })).toEqual(['warning'])
    expect(await proxy({ ISSUER: 'https://127.0.0.1:1', TRUST_PROXY: '10.0.0.0/8' })).toEqual(['ok'])
  })

  test.each([
    ['names another issuer', 200, { issuer: 'https://other.example' }, 'names another issuer: "https://other.example"'],
    ['is no Gatehouse', 404, {}, 'answers with status 404'],
  ])('an address that %s is told', async (_name, status, body, message) => {
    const server = createServer((_, response) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const ISSUER = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const answer = await examined({ DATA_DIR, ISSUER })
    server.close()
    expect(of(answer, 'issuer')).toMatchObject([{ level: 'wrong', message: expect.stringContaining(message) }])
  })
})

test('an embedded directory that a server holds is asked over HTTP, as far as that goes', async () => {
  const gatehouse = await startGatehouse({ database: 'embedded' })
  const answer = await examined(environmentOf(gatehouse))
  await gatehouse.stop()
  expect(answer.status).toBe(0)
  expect(of(answer, 'database')).toMatchObject([
    { level: 'warning', message: expect.stringContaining('a running server holds') },
  ])
  expect(of(answer, 'issuer')).toMatchObject([{ level: 'ok' }])
})
