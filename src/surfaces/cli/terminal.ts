import { createInterface } from 'node:readline/promises'
import { type Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { UsageError } from './usage-error.ts'

/** What the command line is run in: the process's own, or a test's. */
export interface Surroundings {
  environment: NodeJS.ProcessEnv
  stdin: Readable & { isTTY?: boolean }
  stdout: Writable
  stderr: Writable & { isTTY?: boolean }
  /** Aborted when the command is interrupted; one that doesn't ask for it ends at once. */
  stopped(): AbortSignal
}

/** What a command has of them. */
export interface Terminal extends Surroundings {
  /** Whether stdout is for a program. */
  json: boolean
  /** Whether a person sits there to be asked. */
  interactive: boolean
  /** One line on stdout, for people or, with `--json`, of JSON: for what comes piece by piece. */
  print(line: string, json: unknown): void
  /**
   * A password or another secret: typed without echo, or all of stdin. Never an argument, which every user of the machine
   * sees in the list of processes.
   * @param from.stdin read it from there, where no terminal is needed
   * @throws UsageError where there is no terminal to type it on
   */
  readSecret(question: string, from: { stdin: boolean }): Promise<string>
}

export function terminalOf(surroundings: Surroundings, { json }: { json: boolean }): Terminal {
  const { stdin, stdout, stderr } = surroundings
  const interactive = stdin.isTTY === true && stderr.isTTY === true
  return {
    ...surroundings,
    json,
    interactive,
    print: (line, value) => void stdout.write(`${json ? JSON.stringify(value) : line}\n`),
    async readSecret(question, from) {
      if (from.stdin) return (await text(stdin)).replace(/\r?\n$/, '')
      if (interactive) return typedUnseen(question, surroundings)
      throw new UsageError('There is no terminal to type a secret on: pass it on stdin.')
    },
  }
}

async function typedUnseen(question: string, { stdin, stderr }: Surroundings): Promise<string> {
  stderr.write(question)
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const reader = createInterface({ input: stdin, output: nowhere, terminal: true })
  const interrupted = new AbortController()
  reader.on('SIGINT', () => interrupted.abort())
  try {
    return await reader.question('', { signal: interrupted.signal })
  } catch {
    throw new UsageError('Nothing was typed.')
  } finally {
    reader.close()
    stderr.write('\n')
  }
}
