import cluster from 'node:cluster'
import type { Config } from '#foundation/config/config.ts'

const tooManyFailures = 5

/** WORKERS processes on one port. One that dies is replaced; one that cannot start ends them all. */
export function superviseWorkers(config: Config): void {
  let ready = 0
  let failures = 0
  let stopping = false
  let exitCode = 0

  for (let worker = 0; worker < config.workers; worker++) cluster.fork()

  cluster.on('message', (_worker, message) => {
    if (message !== 'ready') return
    ready++
    if (ready === config.workers) process.stdout.write(`gatehouse ready on ${config.issuer}\n`)
  })
  cluster.on('exit', (_worker, code) => {
    if (!stopping && (ready < config.workers || ++failures > tooManyFailures)) {
      exitCode = code || 1
      stop()
    } else if (!stopping) cluster.fork()
    if (Object.keys(cluster.workers ?? {}).length === 0) process.exit(exitCode)
  })

  function stop() {
    stopping = true
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM')
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}
