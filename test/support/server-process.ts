import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))
const node = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url))

/** How long a process may take before a test gives it up; nothing is measured by it. */
const patienceMs = 45_000

export interface ServerProcess {
  child: ChildProcess
  /** What it has printed so far. */
  stdout(): string
  stderr(): string
  /** Resolves when a line of stdout is `line`. @throws with what was printed when the process ends before that */
  printed(line: string): Promise<void>
  /** Resolves to the exit code once the process has ended and all it printed is read. */
  ended: Promise<number | null>
  /** Ends it whatever it does; for after the test. */
  kill(): Promise<void>
}

/** Starts `src/main.ts` as an operator does, or the program that is named; only `environment` is set. */
export function startProcess(environment: NodeJS.ProcessEnv, program = ['src/main.ts']): ServerProcess {
  return observe(spawn(node, program, { cwd: root, env: { PATH: process.env.PATH, ...environment } }))
}

/** Starts it through npm. */
export function npmStart(environment: NodeJS.ProcessEnv): ServerProcess {
  const { PATH, HOME } = process.env
  return observe(spawn('npm', ['start', '--silent'], { cwd: root, env: { PATH, HOME, ...environment } }))
}

function observe(child: ChildProcess): ServerProcess {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk) => {
    stdout += chunk
    child.emit('printed')
  })
  child.stderr?.setEncoding('utf8').on('data', (chunk) => {
    stderr += chunk
  })
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    async printed(line) {
      const deadline = AbortSignal.timeout(patienceMs)
      while (!stdout.split('\n').slice(0, -1).includes(line)) {
        if (child.exitCode !== null || child.signalCode !== null) {
          throw new Error(`it ended with ${child.exitCode ?? child.signalCode}:\n${stdout}\n${stderr}`)
        }
        await Promise.race([once(child, 'printed', { signal: deadline }), ended])
      }
    },
    async kill() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await ended
    },
  }
}

/** The lines that are neither the banner nor the word that it is ready: the log. */
export function logLines(stdout: string): string[] {
  return stdout.split('\n').filter((line) => line !== '' && !line.startsWith(' ') && !/^gatehouse ready on /.test(line))
}
