#!/usr/bin/env node
import { runCommandLine } from '#surfaces/cli/run-command-line.ts'

/** The command line; `gatehouse start` becomes the server in this process, whose exit status is the server's then. */
const { env: environment, stdin, stdout, stderr } = process
// The reader has seen enough, as in `gatehouse log tail | head`.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})
function stopped(): AbortSignal {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  return stop.signal
}
const start = () => import('./main.ts')
process.exitCode = await runCommandLine(
  process.argv.slice(2),
  { environment, stdin, stdout, stderr, stopped },
  { start },
)
