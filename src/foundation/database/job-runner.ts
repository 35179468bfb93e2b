import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Logger } from 'pino'
import type { Queryable } from './database.ts'

/** Something that runs by the clock. */
export interface Job {
  name: string
  everySeconds: number
  /**
   * Once for all nodes together: the one that runs it keeps the others away until it is done, and this long at most, which
   * is how long a node that dies holds it up. Without it every node runs it for itself.
   */
  leaseSeconds?: number
  run(): Promise<unknown>
}

/** What this node has run of a job since it started. */
export interface JobCounts {
  runs: number
  failures: number
  /** Of the latest run. */
  lastSeconds: number | undefined
}

export interface RunningJobs {
  /** By the job's name. */
  readonly counts: Readonly<Record<string, JobCounts>>
  /** Starts no run any more, and waits for those under way. */
  stop(): Promise<void>
}

/**
 * Runs each job again and again, apart from the others: one that fails or hangs stops none, and is logged by its name.
 */
export function startJobs({ db, log }: { db: Queryable; log: Logger }, jobs: readonly Job[]): RunningJobs {
  const counts = Object.fromEntries(jobs.map(({ name }) => [name, { runs: 0, failures: 0, lastSeconds: undefined }]))
  const stopping = new AbortController()
  const running = jobs.map(async (job) => {
    while (await pause(job.everySeconds, stopping.signal)) await runDue(job, counts[job.name]!)
  })

  async function runDue(job: Job, count: JobCounts): Promise<void> {
    try {
      if (job.leaseSeconds === undefined) return await runCounted(job, count)
      const holder = await takeLease(db, job)
      if (!holder) return
      await runCounted(job, count).finally(() => endLease(db, job.name, holder))
    } catch (error) {
      count.failures++
      log.error({ err: error, job: job.name }, 'job failed')
    }
  }

  return {
    counts,
    async stop() {
      stopping.abort()
      await Promise.all(running)
    },
  }
}

async function runCounted(job: Job, count: JobCounts): Promise<void> {
  const startedAt = performance.now()
  count.runs++
  try {
    await job.run()
  } finally {
    count.lastSeconds = (performance.now() - startedAt) / 1000
  }
}

/** Between half of the time and all of it: nodes that started together drift apart. @returns false when it is cut off */
async function pause(seconds: number, signal: AbortSignal): Promise<boolean> {
  const milliseconds = seconds * 1000 * (0.5 + 0.5 * Math.random())
  return setTimeout(milliseconds, true, { signal, ref: false }).catch(() => false)
}

/** @returns the name of this run; undefined when another node has the job, or it was run recently enough */
async function takeLease(db: Queryable, { name, everySeconds, leaseSeconds }: Job): Promise<string | undefined> {
  const leased = {
    holder: randomUUID(),
    leasedUntil: sql<Date>`now() + make_interval(secs => ${leaseSeconds})`,
    // A little less than the time between runs, or a single node would find every second one not yet due.
    dueAt: sql<Date>`now() + make_interval(secs => ${everySeconds / 2})`,
  }
  const lease = await db
    .insertInto('jobLeases')
    .values({ name, ...leased })
    .onConflict((conflict) =>
      conflict
        .column('name')
        .doUpdateSet(leased)
        .where('jobLeases.dueAt', '<=', sql<Date>`now()`)
        .where((is) => is.or([is('jobLeases.holder', 'is', null), is('jobLeases.leasedUntil', '<', sql<Date>`now()`)])),
    )
    .returning('holder')
    .executeTakeFirst()
  return lease?.holder ?? undefined
}

/** A lease that ran out meanwhile and is another's now stays the other's. */
async function endLease(db: Queryable, name: string, holder: string): Promise<void> {
  await db
    .updateTable('jobLeases')
    .set({ holder: null })
    .where('name', '=', name)
    .where('holder', '=', holder)
    .execute()
}

/** When each job that all nodes share was last begun, by name. */
export async function listJobLeases(db: Queryable): Promise<{ name: string; isRunning: boolean; dueAt: Date }[]> {
  const { rows } = await sql<{ name: string; isRunning: boolean; dueAt: Date }>`
    select name, holder is not null and leased_until > now() as is_running, due_at from job_leases order by name`.execute(
    db,
  )
  return rows
}
