import { createInterface } from 'node:readline'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { runCommandLine } from '#surfaces/cli/run-command-line.ts'
import type { Gatehouse } from './gatehouse.ts'

export interface Ran {
  status: number
  stdout: string
  stderr: string
}

/** Runs `gatehouse …` in this process, which is many times faster than the program itself. */
export async function runGatehouse(
  words: readonly string[],
  environment: NodeJS.ProcessEnv,
  options: {
    stdin?: string
    /** Interrupts a command that goes on until then. */
    stop?: AbortSignal
    /** Told each line of stdout as it is printed. */
    onLine?: (line: string) => void
  } = {},
): Promise<Ran> {
  const { stdin = '', stop = new AbortController().signal, onLine } = options
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const printed = Promise.all([text(stdout), text(stderr)])
  if (onLine) createInterface({ input: stdout }).on('line', onLine)
  const start = () => Promise.reject(new Error('a test starts servers itself'))
  const surroundings = { environment, stdin: Readable.from([stdin]), stdout, stderr, stopped: () => stop }
  const status = await runCommandLine(words, surroundings, { start })
  stdout.end()
  stderr.end()
  const [out, err] = await printed
  return { status, stdout: out, stderr: err }
}

/** The variables of a server that a test has started, as its operator sets them for the command line. */
export function environmentOf({ config }: Pick<Gatehouse, 'config'>): NodeJS.ProcessEnv {
  return {
    DATA_DIR: config.dataDir,
    ...(config.databaseUrl && { DATABASE_URL: config.databaseUrl }),
    ISSUER: config.issuer,
    ENCRYPTION_KEYS: config.encryptionKeys.map((key) => key.toString('base64')).join(','),
    OUTBOUND_ALLOWED_HOSTS: config.outboundAllowedHosts.join(','),
  }
}
