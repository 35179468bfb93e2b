import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { startJobs } from '#foundation/database/job-runner.ts'
import {
  createMailDelivery,
  type DeliveryTimes,
  type MailDeliveryOptions,
  retryDelayMs,
} from '#foundation/outbox/deliver.ts'
import type { Mail } from '#foundation/outbox/mail.ts'
import { createMailOutbox, mostMailsPerHour } from '#foundation/outbox/outbox.ts'
import { claimDueMails, recordDelivery, recordGivenUp, recordRetry } from '#foundation/outbox/outbox-queries.ts'
import { availableDatabases, type OpenTestDatabase, openTestDatabase } from '#support/databases.ts'
import { freePort } from '#support/free-port.ts'
import { samples, templates, token } from '#support/mail-samples.ts'
import { type MailServer, startMailServer } from '#support/mail-server.ts'
import { readMail } from '#support/read-mail.ts'
import { sweepExpired } from '../../../src/sweep.ts'

const issuer = 'https://id.example.com'
const fast: Partial<DeliveryTimes> = { firstRetryMs: 40, longestRetryMs: 150 }
const eventually = { timeout: 15_000, interval: 25 }
const reset = (to: string) => ({ to, template: 'reset-password', locals: samples['reset-password'] }) as const

describe.each(availableDatabases())('mail on %s', (kind) => {
  const encryption = encryptionWith([randomBytes(32)])
  let database: OpenTestDatabase
  let logLines: string[]
  let running: { stop(): Promise<void> }[]

  beforeEach(async () => {
    database = await openTestDatabase(kind)
    logLines = []
    running = []
  })
  afterEach(async () => {
    await Promise.all(running.map((part) => part.stop()))
    await database.close()
  })

  const log = () => pino({ level: 'trace' }, { write: (line: string) => void logLines.push(line) })
  const outbox = () => createMailOutbox({ encryption, log: log() })

  function enqueue(...mails: Mail[]): Promise<void> {
    return database.db.transaction().execute((tx) => outbox().enqueueMails(tx, mails))
  }

  async function mailServer(behaviour?: Parameters<typeof startMailServer>[0]): Promise<MailServer> {
    const server = await startMailServer(behaviour)
    running.push(server)
    return server
  }

  function deliver(smtpUrl: string | undefined, options: Partial<MailDeliveryOptions> = {}) {
    const delivery = createMailDelivery({
      db: database.db,
      encryption,
      issuer,
      smtpUrl,
      mailFrom: 'Example <id@example.com>',
      dataDir: database.dataDir,
      production: true,
      log: log(),
      ...options,
      times: { ...fast, ...options.times },
    })
    const run = delivery.deliverDue
    const jobs = startJobs({ db: database.db, log: log() }, [{ name: 'mail delivery', everySeconds: 0.05, run }])
    const part = { stop: () => jobs.stop().then(delivery.stop) }
    running.unshift(part)
    return part
  }

  const rows = () => database.db.selectFrom('mailOutbox').selectAll().orderBy('createdAt').execute()
  const open = async () => (await rows()).filter(({ content }) => content).length
  const nothingLeft = () => vi.waitFor(async () => expect(await open()).toBe(0), eventually)
  const received = (server: MailServer, count: number) =>
    vi.waitFor(() => expect(server.mails).toHaveLength(count), eventually)

  async function anotherNode(): Promise<Queryable> {
    return kind === 'postgres' ? (await database.openAnotherNode()).db : database.db
  }

  test('each mail is delivered once while two nodes deliver at the same time', async () => {
    const server = await mailServer()
    const addresses = Array.from({ length: 50 }, (_, number) => `person${number}@acme.test`)
    await enqueue(...addresses.map(reset))
    deliver(server.url)
    deliver(server.url, { db: await anotherNode() })
    await nothingLeft()
    expect(server.mails.flatMap(({ to }) => to).sort()).toEqual(addresses.sort())
    expect(new Set(server.mails.map(({ headers }) => headers['message-id'])).size).toBe(50)
    expect((await rows()).every(({ attempts, deliveredAt }) => attempts === 1 && deliveredAt)).toBe(true)
  })

  test('a mail that a node claimed and died with is delivered by another after the lease, not before', async () => {
    const server = await mailServer()
    await enqueue(reset('ada@acme.test'))
    const [claimed] = await claimDueMails(database.db, { limit: 5, leaseMs: 1_500 })
    const claimedAt = Date.now()
    deliver(server.url)
    await received(server, 1)
    expect(Date.now() - claimedAt).toBeGreaterThan(1_400)
    await nothingLeft()
    expect(claimed).toMatchObject({ attempts: 1 })
    expect((await rows())[0]).toMatchObject({ attempts: 2 })
  })

  test('a node whose claim another has taken over can neither end the mail nor bring it forward', async () => {
    await enqueue(reset('ada@acme.test'))
    const [lost] = await claimDueMails(database.db, { limit: 1, leaseMs: 0 })
    const [taken] = await vi.waitUntil(async () => {
      const claimed = await claimDueMails(database.db, { limit: 1, leaseMs: 60_000 })
      return claimed.length > 0 && claimed
    }, eventually)
    const before = await rows()
    await recordGivenUp(database.db, lost!, 'late')
    await recordRetry(database.db, lost!, { delayMs: 0, lastError: 'late' })
    await recordDelivery(database.db, lost!)
    expect(await rows()).toEqual(before)
    await recordDelivery(database.db, taken!)
    expect(await open()).toBe(0)
  })

  test('a mail that is sent again after a crash has the same Message-ID and date', async () => {
    const server = await mailServer()
    await enqueue(reset('ada@acme.test'))
    deliver(server.url)
    await nothingLeft()
    await deliver(server.url).stop()
    // The node died between the server's answer and its own commit.
    const content = encryption.encrypt(JSON.stringify(reset('ada@acme.test')))
    await database.db.updateTable('mailOutbox').set({ content, deliveredAt: null, claimedUntil: null }).execute()
    await received(server, 2)
    const [first, second] = server.mails
    expect(second!.headers['message-id']).toMatch(/^<[0-9a-f-]{36}@id\.example\.com>$/)
    expect(second!.headers['message-id']).toBe(first!.headers['message-id'])
    expect(second!.headers.date).toBe(first!.headers.date)
  })

  test('nothing is lost while the mail server is away', async () => {
    const port = await freePort()
    deliver(`smtp://127.0.0.1:${port}`)
    await enqueue(...Array.from({ length: 8 }, (_, number) => reset(`person${number}@acme.test`)))
    await vi.waitFor(async () => {
      for (const { attempts, lastError } of await rows()) {
        expect(attempts).toBeGreaterThanOrEqual(2)
        expect(lastError).toContain('ECONNREFUSED')
      }
    }, eventually)
    const server = await mailServer({ port })
    await nothingLeft()
    expect(server.mails.flatMap(({ to }) => to).sort()).toEqual((await rows()).map((_, n) => `person${n}@acme.test`))
  })

  test('a refused recipient ends a mail at once; a temporary refusal does not', async () => {
    const answers = [451, 451]
    const server = await mailServer({
      refuseRecipient: (address) => (address === 'gone@acme.test' ? 550 : answers.pop()),
    })
    await enqueue(reset('gone@acme.test'), reset('grey@acme.test'))
    deliver(server.url)
    await nothingLeft()
    expect(server.mails.map(({ to }) => to)).toEqual([['grey@acme.test']])
    const ended = await rows()
    expect(ended.map(({ attempts }) => attempts).sort()).toEqual([1, 3])
    const [refused] = ended.filter(({ givenUpAt }) => givenUpAt)
    expect(refused).toMatchObject({ deliveredAt: null, content: null, lastError: 'EENVELOPE 550 RCPT TO' })
    expect(logLines.join()).toContain('mail refused')
    expect(logLines.join()).not.toContain('gone@acme.test')
  })

  test('a mail that fails for too long is given up', async () => {
    await enqueue(reset('ada@acme.test'))
    deliver(`smtp://127.0.0.1:${await freePort()}`, { times: { giveUpAfterMs: 300 } })
    await nothingLeft()
    expect((await rows())[0]).toMatchObject({ deliveredAt: null, givenUpAt: expect.any(Date) })
    expect(logLines.join()).toContain('mail given up')
  })

  test('a server that takes a mail and is silent keeps no other mail waiting, and stop does not wait for it', async () => {
    const server = await mailServer({ hangOn: ([to]) => to === 'slow@acme.test' })
    await enqueue(reset('slow@acme.test'))
    const delivery = deliver(server.url, { times: { drainMs: 100 } })
    await vi.waitFor(async () => expect((await rows())[0]!.claimedUntil).toBeTruthy(), eventually)
    await enqueue(reset('ada@acme.test'))
    await received(server, 1)
    const before = Date.now()
    await delivery.stop()
    expect(Date.now() - before).toBeLessThan(3_000)
    expect(await open()).toBe(1)
  })

  test('a transaction that rolls back sends nothing', async () => {
    const server = await mailServer()
    const failing = database.db.transaction().execute(async (tx) => {
      await outbox().enqueueMail(tx, reset('ada@acme.test'))
      throw new Error('changed my mind')
    })
    await expect(failing).rejects.toThrow('changed my mind')
    await enqueue(reset('grace@acme.test'))
    deliver(server.url)
    await nothingLeft()
    expect(server.mails.map(({ to }) => to)).toEqual([['grace@acme.test']])
  })

  test('an address gets three mails within an hour that strangers may ask for, also of simultaneous requests and in any spelling', async () => {
    const nodes = [database.db, await anotherNode()]
    const spellings = ['ada@acme.test', 'ADA@acme.test', ' Ada@Acme.Test ']
    const enqueued = await Promise.all(
      Array.from({ length: 20 }, (_, number) =>
        nodes[number % 2]!.transaction().execute((tx) => outbox().enqueueMail(tx, reset(spellings[number % 3]!))),
      ),
    )
    expect(new Set(enqueued)).toEqual(new Set([undefined]))
    expect(await rows()).toHaveLength(mostMailsPerHour)
    expect(logLines.filter((line) => line.includes('mail dropped'))).toHaveLength(17)
    expect(logLines.join().toLowerCase()).not.toContain('ada@acme.test')

    // Of every kind together; what tells of something done is counted by itself.
    await enqueue({ to: 'ada@acme.test', template: 'verify-email', locals: samples['verify-email'] })
    await enqueue({ to: 'ada@acme.test', template: 'invitation', locals: samples.invitation })
    expect(await rows()).toHaveLength(mostMailsPerHour)
    await enqueue({ to: 'ada@acme.test', template: 'password-changed', locals: samples['password-changed'] })
    await enqueue(reset('grace@acme.test'))
    expect(await rows()).toHaveLength(mostMailsPerHour + 2)
    await sql`update mail_outbox set created_at = now() - interval '61 minutes'`.execute(database.db)
    await enqueue(reset('ada@acme.test'))
    expect(await rows()).toHaveLength(mostMailsPerHour + 3)
  })

  test.runIf(kind === 'postgres')('two mails to two addresses in either order do not deadlock', async () => {
    const pair = [reset('ada@acme.test'), reset('grace@acme.test')]
    const orders = Array.from({ length: 16 }, (_, number) => (number % 2 ? pair : pair.toReversed()))
    await Promise.all(orders.map((mails) => enqueue(...mails)))
    expect(await rows()).toHaveLength(2 * mostMailsPerHour)
  })

  test('a decoy takes the same way and reaches nobody', async () => {
    const server = await mailServer()
    await enqueue({ ...reset('nobody@acme.test'), decoy: true }, reset('ada@acme.test'))
    const [one, other] = await rows()
    expect(Math.abs(one!.content!.length - other!.content!.length)).toBeLessThan(40)
    deliver(server.url)
    await nothingLeft()
    expect(server.mails.map(({ to }) => to)).toEqual([['ada@acme.test']])
  })

  test('addresses that are lists, groups or more than an address are refused before anything is kept', async () => {
    for (const to of [
      'a@acme.test, b@acme.test',
      'a@acme.test;b@acme.test',
      'Group: a@acme.test, b@acme.test;',
      'Ada <ada@acme.test>',
      'ada@acme.test\r\nBcc: eve@evil.example',
      'ada@acme.test\nRCPT TO:<eve@evil.example>',
      'ada\u0000@acme.test',
      'ada@acme.test>',
      '"a b"@acme.test',
      'ada',
      '',
    ]) {
      await expect(enqueue(reset(to)), JSON.stringify(to)).rejects.toMatchObject({ code: 'validation_failed' })
    }
    expect(await rows()).toEqual([])
  })

  test('links that are not paths of ours, and names with line breaks, are refused', async () => {
    for (const linkPath of [
      'https://evil.example/',
      '//evil.example',
      '@evil.example',
      '.evil.example',
      '/a b',
      '/"x',
    ]) {
      const mail = { to: 'ada@acme.test', template: 'reset-password', locals: { linkPath } } as const
      await expect(enqueue(mail), linkPath).rejects.toThrow('must be a path of ours')
    }
    const locals = { ...samples.invitation, organizationName: 'Acme\r\nBcc: eve@evil.example' }
    await expect(enqueue({ to: 'ada@acme.test', template: 'invitation', locals })).rejects.toThrow('control characters')
  })

  test('the headers are ours, whatever an organization and a person are called', async () => {
    const server = await mailServer()
    const name = 'Acme\r\nBcc: eve@evil.example\r\n\r\nVisit evil.example'
    await database.db.insertInto('organizations').values({ id: 'o', slug: 'acme', name }).execute()
    const locals = { ...samples.invitation, organizationName: 'Visit evil.example', invitedBy: 'Ada <b>=?utf-8?q?x?=' }
    await enqueue({ to: 'ada@acme.test', template: 'invitation', locals, organizationId: 'o' })
    deliver(server.url)
    await received(server, 1)
    const [mail] = server.mails
    expect(mail).toMatchObject({ from: 'id@example.com', to: ['ada@acme.test'] })
    expect(mail!.headers).toMatchObject({
      from: 'Example <id@example.com>',
      to: 'ada@acme.test',
      subject: 'You are invited to an organization',
      'auto-submitted': 'auto-generated',
    })
    expect(mail!.headers).not.toHaveProperty('bcc')
    expect(mail!.text + mail!.html).not.toContain('evil.example')
  })

  test('every template arrives with both parts whole', async () => {
    const server = await mailServer()
    await enqueue(
      ...templates.map((template) => ({ to: `${template}@acme.test`, template, locals: samples[template] }) as Mail),
    )
    deliver(server.url)
    await received(server, templates.length)
    for (const { text, html, headers } of server.mails) {
      expect(text).toContain(`${headers.subject}\r\n===`)
      expect(html).toContain('</html>')
    }
    const withLink = server.mails.filter(({ text }) => text.includes(`${issuer}/link?token=${token}`))
    expect(withLink).toHaveLength(templates.filter((template) => 'linkPath' in samples[template]).length)
    for (const { html } of withLink) expect(html).toContain(`href="${issuer}/link?token=${token}"`)
  })

  test('neither the table nor the log holds the address or the link; a delivered row is empty and goes after a week', async () => {
    const server = await mailServer({ refuseRecipient: (address) => (address.startsWith('gone') ? 550 : undefined) })
    await enqueue(reset('ada@acme.test'), reset('gone@acme.test'))
    const dump = async () =>
      JSON.stringify((await rows()).map((row) => ({ ...row, content: row.content?.toString('latin1') })))
    const dumps = [await dump()]
    deliver(server.url)
    await nothingLeft()
    dumps.push(await dump(), logLines.join())
    for (const text of dumps) {
      expect(text).not.toContain(token)
      expect(text).not.toContain('@acme.test')
    }
    expect((await sweepExpired(database.db)).mail_outbox).toBe(0)
    const overAWeek = sql<Date>`now() - interval '169 hours'`
    await database.db
      .updateTable('mailOutbox')
      .set({ deliveredAt: overAWeek })
      .where('deliveredAt', 'is not', null)
      .execute()
    await database.db
      .updateTable('mailOutbox')
      .set({ givenUpAt: overAWeek })
      .where('givenUpAt', 'is not', null)
      .execute()
    await enqueue(reset('grace@acme.test'))
    expect((await sweepExpired(database.db)).mail_outbox).toBe(2)
    await nothingLeft()
  })

  test.each([true, false])(
    'without a mail server mails become files; a link is logged except in production (%s)',
    async (production) => {
      await enqueue(reset('ada@acme.test'))
      deliver(undefined, { production })
      await nothingLeft()
      const [{ id } = { id: '' }] = await rows()
      const directory = join(database.dataDir, 'outbox')
      expect(readdirSync(directory)).toEqual([`${id}.eml`])
      expect(statSync(directory).mode & 0o777).toBe(0o700)
      expect(statSync(join(directory, `${id}.eml`)).mode & 0o777).toBe(0o600)
      const raw = readFileSync(join(directory, `${id}.eml`), 'utf8')
      expect(raw).toContain(`\r\n${issuer}/link?token=${token}\r\n`)
      const mail = readMail(raw)
      expect(mail.headers).toMatchObject({ to: 'ada@acme.test', 'message-id': `<${id}@id.example.com>` })
      expect(mail.text).toContain(token)
      const line = logLines.map((text) => JSON.parse(text)).find(({ msg }) => msg.startsWith('mail written'))
      expect(line).toMatchObject({ template: 'reset-password', file: join(directory, `${id}.eml`) })
      expect(line.link).toBe(production ? undefined : `${issuer}/link?token=${token}`)
    },
  )

  test('smtps: speaks TLS, to a server whose certificate is known', async () => {
    const server = await mailServer({ secure: true })
    await enqueue(reset('ada@acme.test'))
    const distrustful = deliver(server.url)
    await vi.waitFor(async () => expect((await rows())[0]!.attempts).toBeGreaterThan(1), eventually)
    await distrustful.stop()
    expect(server.mails).toEqual([])
    deliver(`${server.url}/?tls.rejectUnauthorized=false`)
    await received(server, 1)
  })
})

test('pauses between tries double up to an hour and differ', () => {
  const times = { firstRetryMs: 5_000, longestRetryMs: 3_600_000 }
  for (const [attempts, longest] of [
    [1, 5_000],
    [2, 10_000],
    [5, 80_000],
    [30, 3_600_000],
  ] as const) {
    const delays = Array.from({ length: 50 }, () => retryDelayMs(attempts, times))
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(longest / 2)
    expect(Math.max(...delays)).toBeLessThanOrEqual(longest)
    expect(new Set(delays).size).toBeGreaterThan(40)
  }
})
