import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '#support/free-port.ts'
import { options } from './options.ts'

/** What runs for the benchmark, and what has to be tidied up after it, the last first. */
const cleanUps: (() => unknown)[] = []

export function afterwards(cleanUp: () => unknown): void {
  cleanUps.push(cleanUp)
}

export async function tidyUp(): Promise<void> {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
}

export interface Started {
  port: number
  process: ChildProcess
  /** What it printed before it was ready. */
  output: string
}

/** Starts a file of ours on a port of its own, and waits until it says that it is ready. */
export async function start(file: string, environment: Record<string, string> = {}): Promise<Started> {
  const port = await freePort()
  const profile =
    options.profile && file === 'src/main.ts' ? ['--cpu-prof', '--cpu-prof-dir', profilesOf(environment)] : []
  const child = spawn(process.execPath, [...profile, file], {
    env: { ...process.env, PORT: String(port), ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  afterwards(() => stop(child))
  process.once('exit', () => child.kill())
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  while (!output.includes('ready')) {
    await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
    if (child.exitCode !== null) throw new Error(`${file} ended before it was ready`)
  }
  return { port, process: child, output }
}

/** On each database a directory of its own. */
function profilesOf({ DATABASE_URL }: Record<string, string>): string {
  return join(options.profile!, DATABASE_URL ? 'PostgreSQL' : 'embedded')
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

/** Runs a file of ours to its end with `input`, and reads the JSON that it prints. */
export async function runFile<Output>(file: string, input: unknown): Promise<Output> {
  const child = spawn(process.execPath, [file, '--run'], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(JSON.stringify(input))
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  await once(child, 'close')
  return JSON.parse(output)
}

/** User and system time of a process, microseconds; undefined once it is gone. Linux counts in ticks of 10 ms. */
export function cpuOf(pid: number): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) * 10_000
  } catch {
    return undefined
  }
}

/** Of a process and its workers, microseconds. */
export function cpuOfTree(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  return [pid, ...children].reduce((sum, one) => sum + (cpuOf(one) ?? 0), 0)
}
