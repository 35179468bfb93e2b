import { setTimeout } from 'node:timers/promises'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Queryable } from '#foundation/database/database.ts'
import { type Job, type RunningJobs, startJobs } from '#foundation/database/job-runner.ts'
import { availableDatabases, type OpenTestDatabase, openTestDatabase } from '#support/databases.ts'

const everySeconds = 0.02
const eventually = { timeout: 15_000, interval: 10 }

describe.each(availableDatabases())('jobs on %s', (kind) => {
  let database: OpenTestDatabase
  let logLines: string[]
  let started: RunningJobs[]
  beforeEach(async () => {
    database = await openTestDatabase(kind)
    logLines = []
    started = []
  })
  afterEach(async () => {
    await Promise.all(started.map((jobs) => jobs.stop()))
    await database.close()
  })

  function start(jobs: Job[], db: Queryable = database.db): RunningJobs {
    const log = pino({}, { write: (line: string) => void logLines.push(line) })
    const running = startJobs({ db, log }, jobs)
    started.push(running)
    return running
  }

  const anotherNode = async () => (kind === 'postgres' ? (await database.openAnotherNode()).db : database.db)

  test('one that fails, or never ends, stops no other and is told by its name', async () => {
    const { promise: endless, resolve: end } = Promise.withResolvers<void>()
    let runs = 0
    const { counts } = start([
      { name: 'failing', everySeconds, leaseSeconds: 60, run: () => Promise.reject(new Error('no such table')) },
      { name: 'endless', everySeconds, leaseSeconds: 60, run: () => endless },
      { name: 'good', everySeconds, leaseSeconds: 60, run: async () => void runs++ },
    ])
    await vi.waitFor(() => {
      expect(runs).toBeGreaterThan(3)
      expect(counts.failing!.failures).toBeGreaterThan(1)
    }, eventually)
    expect(counts).toMatchObject({
      endless: { runs: 1, failures: 0, lastSeconds: undefined },
      good: { failures: 0, lastSeconds: expect.any(Number) },
    })
    expect(JSON.parse(logLines[0]!)).toMatchObject({
      msg: 'job failed',
      job: 'failing',
      err: { message: 'no such table' },
    })
    end()
  })

  test('one with a lease is run by one node at a time', async () => {
    let [under, most, runs] = [0, 0, 0]
    async function run() {
      most = Math.max(most, ++under)
      await setTimeout(5)
      under--
      runs++
    }
    for (const db of [database.db, await anotherNode(), database.db]) {
      start([{ name: 'shared', everySeconds, leaseSeconds: 60, run }], db)
    }
    await vi.waitFor(() => expect(runs).toBeGreaterThan(20), eventually)
    expect(most).toBe(1)
  })

  test('nodes together run one with a lease no more often than one node alone would', async () => {
    let runs = 0
    const other = { name: 'often', everySeconds, run: async () => void runs++ }
    const job = { name: 'hourly', everySeconds, leaseSeconds: 60, run: async () => undefined }
    const first = start([job])
    await vi.waitFor(() => expect(first.counts.hourly!.runs).toBeGreaterThan(0), eventually)
    await first.stop()
    // An hour's job that was just run is not due, on whichever node.
    await database.db
      .updateTable('jobLeases')
      .set({ dueAt: new Date(Date.now() + 1_800_000) })
      .execute()
    const second = start([job, other], await anotherNode())
    await vi.waitFor(() => expect(runs).toBeGreaterThan(10), eventually)
    expect(second.counts.hourly!.runs).toBe(0)
  })

  test('the lease of a node that died runs out', async () => {
    const past = new Date(Date.now() - 1_000)
    const dead = { name: 'shared', holder: 'dead', dueAt: past }
    await database.db
      .insertInto('jobLeases')
      .values({ ...dead, leasedUntil: new Date(Date.now() + 3_600_000) })
      .execute()
    let ticks = 0
    const { counts } = start([
      { name: 'shared', everySeconds, leaseSeconds: 60, run: async () => undefined },
      { name: 'other', everySeconds, run: async () => void ticks++ },
    ])
    await vi.waitFor(() => expect(ticks).toBeGreaterThan(10), eventually)
    expect(counts.shared!.runs).toBe(0)
    await database.db.updateTable('jobLeases').set({ leasedUntil: past }).execute()
    await vi.waitFor(() => expect(counts.shared!.runs).toBeGreaterThan(0), eventually)
  })

  test('stop waits for a run under way, and none begins afterwards', async () => {
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    let ended = false
    const jobs = start([
      {
        name: 'slow',
        everySeconds,
        leaseSeconds: 60,
        async run() {
          begin()
          await setTimeout(50)
          ended = true
        },
      },
    ])
    await begun
    await jobs.stop()
    expect(ended).toBe(true)
    expect(jobs.counts.slow!.runs).toBe(1)
    expect(await database.db.selectFrom('jobLeases').select('holder').execute()).toEqual([{ holder: null }])
  })
})
