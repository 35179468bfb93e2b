import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

const oneHour = 60 * 60 * 1000

/** A server whose data lives in a directory of its own and goes with it. */
export interface TemporaryServer {
  url: string
  stop(): Promise<void>
}

/** The first of `directories`, then of PATH, that holds the program; undefined when none does. */
export function findProgram(name: string, directories: string[] = []): string | undefined {
  return [...directories, ...(process.env.PATH ?? '').split(delimiter)]
    .map((directory) => join(directory, name))
    .find(isExecutable)
}

export function makeTemporaryDirectory(kind: string): string {
  return mkdtempSync(join(tmpdir(), `gatehouse-test-${kind}-`))
}

/** What runs that were killed left behind: directories older than an hour, each stopped first by `stop`. */
export async function removeStaleDirectories(kind: string, stop: (directory: string) => Promise<void>): Promise<void> {
  const names = readdirSync(tmpdir()).filter((name) => name.startsWith(`gatehouse-test-${kind}-`))
  for (const directory of names.map((name) => join(tmpdir(), name))) {
    if (Date.now() - statSync(directory).mtimeMs < oneHour) continue
    await stop(directory).catch(() => undefined)
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Runs a program to its end. @throws with what it printed when it fails */
export async function run(program: string, args: string[], owner: Owner | undefined): Promise<void> {
  const child = spawn(program, args, { ...owner, cwd: tmpdir(), stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk
    })
  }
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${program} ended with ${code}:\n${output}`)
}

/** The user and group to run a program as. */
export interface Owner {
  uid: number
  gid: number
}

/** Starts a program, and waits until `ready` resolves. @throws with what it said when it ends, or isn't ready within 30 s */
export async function startProgram(
  program: string,
  args: string[],
  options: { owner?: Owner; env?: NodeJS.ProcessEnv; ready: () => Promise<void> },
): Promise<ChildProcess> {
  const { owner, env } = options
  const child = spawn(program, args, {
    ...owner,
    ...(env && { env }),
    cwd: tmpdir(),
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said = (said + chunk).slice(-4_000)
  })
  const deadline = Date.now() + 30_000
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}: ${said}`)
    try {
      await options.ready()
      return child
    } catch (error) {
      if (Date.now() > deadline) {
        await stopProgram(child, 'SIGKILL')
        throw error
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

export async function stopProgram(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
