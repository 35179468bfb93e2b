import cluster from 'node:cluster'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { SetupError } from '#authentication/setup/setup-error.ts'
import { type Config, ConfigError, readConfig } from '#foundation/config/config.ts'
import { UnknownKeyError } from '#foundation/crypto/encryption.ts'
import { DataDirInUseError, embeddedDatabaseExists } from '#foundation/database/pglite-pool.ts'
import { StoreAwayError } from '#foundation/errors.ts'
import { takeOverConsole } from '#foundation/log/console-log.ts'
import { createLog } from '#foundation/log/log.ts'
import { bannerFor, firstSuperadminNotice } from './banner.ts'
import type { RunningServer } from './server.ts'
import { superviseWorkers } from './workers.ts'

/** Reads the environment, starts the server, stops it on SIGTERM. Nothing else. */
try {
  const config = readConfig(process.env)
  if (config.workers > 1 && cluster.isPrimary) superviseWorkers(config)
  else await serve(config)
} catch (error) {
  if (!(error instanceof Error)) throw error
  process.exit(fail(error))
}

async function serve(config: Config): Promise<void> {
  const sendConsoleTo = takeOverConsole()
  if (!config.databaseUrl) keepCompiledModules(config)
  const { startServer } = await import('./server.ts')
  const log = createLog(config.logLevel)
  sendConsoleTo(log)
  if (!config.databaseUrl && !embeddedDatabaseExists(config.dataDir)) announceFirstStart(config, log)
  const server = await startServer(config, { log, environment: process.env })
  // Before the word is given: a supervisor that waits for it may send the signal at once.
  stopOnSignal(server)
  if (cluster.isPrimary || cluster.worker?.id === 1) await announceFirstSuperadmin(server)
  if (cluster.isPrimary) {
    process.stdout.write(bannerFor(server.demoAccounts, config))
    process.stdout.write(`gatehouse ready on ${server.url}\n`)
  } else process.send?.('ready')
}

/**
 * What V8 made of our modules lies beside the embedded data, which is this process's alone: the next start saves a quarter of
 * its time. Node's own place for it is under /tmp, where another user of the machine could put code for us.
 */
function keepCompiledModules({ dataDir }: Config): void {
  enableCompileCache(join(dataDir, 'compiled-modules'))
}

/** A newcomer at a terminal sees what takes the time; elsewhere stdout is for the log. */
function announceFirstStart({ demo, dataDir }: Config, log: Logger): void {
  if (demo)
    process.stdout.write(`\n  Gatehouse makes a database in ${dataDir}, with people to try it as. Some seconds.\n`)
  else log.info({ dataDir }, 'making an embedded database')
}

/** Told once, by the first of several workers. Its lines begin with a space, so that who reads the log tells them apart. */
async function announceFirstSuperadmin(server: RunningServer): Promise<void> {
  const link = await server.makeFirstSuperadminLink()
  if (link) process.stdout.write(firstSuperadminNotice(link))
}

function stopOnSignal(server: RunningServer): void {
  let stopping = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) return
      stopping = true
      server.stop().then(
        () => process.exit(0),
        () => process.exit(1),
      )
    })
  }
}

/** What the operator can mend is told in lines, not as a stack. @returns the exit code */
function fail(error: Error): number {
  const refused = [ConfigError, SetupError, UnknownKeyError].some((kind) => error instanceof kind)
  const reason = error instanceof StoreAwayError ? (error.cause as Error) : error
  if (refused || error instanceof DataDirInUseError || 'code' in error) {
    const message = reason.message || String((reason as NodeJS.ErrnoException).code)
    for (const line of message.split('\n')) process.stderr.write(`gatehouse: ${line}\n`)
  } else console.error(error)
  return refused ? 2 : 1
}
