import type { Speech } from './conversations.ts'
import type { LoadJob, LoadResult } from './load.ts'
import { options } from './options.ts'
import { type BenchDatabase, costBetween } from './postgres.ts'
import { cpuOfTree, runFile, type Started } from './processes.ts'

/** Something that answers. */
export interface Target {
  name: string
  server: Started
  speech: Speech
  /** Where it keeps what it knows, if that is PostgreSQL. */
  database?: BenchDatabase | undefined
}

export interface Measured extends Omit<LoadResult, 'speech'> {
  perSecond: number
  /** CPU of the server with its workers for each answer, microseconds, kernel included. */
  cpu: number
  /** CPU of PostgreSQL for each answer, microseconds; NaN where there is none. */
  databaseCpu: number
  /** Bytes of WAL for each answer; NaN where there is no PostgreSQL. */
  wal: number
}

export type Figure = 'perSecond' | 'p50' | 'p99' | 'cpu' | 'databaseCpu' | 'wal' | 'failures'

/** What one target did, round by round. */
export class Series {
  readonly name: string
  readonly connections: number
  readonly rounds: Measured[] = []

  constructor(name: string, connections: number) {
    this.name = name
    this.connections = connections
  }

  median(figure: Figure): number {
    return median(this.rounds.map((measured) => measured[figure]))
  }

  /** The median of each round's own ratio: what slows the machine for a while slows both. */
  ratio(other: Series, figure: Figure = 'perSecond'): number {
    return median(this.rounds.map((measured, round) => measured[figure] / other.rounds[round]![figure]))
  }
}

/** Everything measured, for the table of raw figures at the end. */
export const allSeries: Series[] = []

/** Each target in turn, round after round, behind a warm-up. */
export async function interleaved(
  targets: Target[],
  { connections = options.connections, seconds = options.seconds, rounds = options.rounds } = {},
): Promise<Series[]> {
  const series = targets.map(({ name }) => new Series(name, connections))
  for (const target of targets) {
    await target.database?.checkpoint()
    await measure(target, { connections, seconds: Math.min(2, seconds) })
  }
  for (let round = 0; round < rounds; round++) {
    for (const [index, target] of targets.entries()) {
      series[index]!.rounds.push(await measure(target, { connections, seconds }))
    }
  }
  allSeries.push(...series)
  return series
}

export async function measure(
  target: Target,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<Measured> {
  const { server, database } = target
  const pid = server.process.pid!
  const databaseBefore = await database?.cost()
  const before = cpuOfTree(pid)
  const job: LoadJob = { port: server.port, connections, seconds, speech: target.speech }
  const { speech, ...result } = await runFile<LoadResult>('bench/load.ts', job)
  const cpu = cpuOfTree(pid) - before
  const spent = databaseBefore && costBetween(databaseBefore, await database!.cost())
  target.speech = speech
  const each = (sum: number | undefined) => (sum === undefined ? Number.NaN : sum / result.answers)
  return {
    ...result,
    perSecond: result.answers / result.seconds,
    cpu: each(cpu),
    databaseCpu: each(spent?.cpu),
    wal: each(spent?.wal),
  }
}

export function median(values: number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
