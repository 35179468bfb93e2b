import type { Server } from 'node:http'
import { sql } from 'kysely'
import type { Logger } from 'pino'
import { makeFirstSuperadminLink } from '#authentication/joining/first-superadmin.ts'
import { applySetup } from '#authentication/setup/apply-setup.ts'
import { describeProblem } from '#authentication/setup/setup-error.ts'
import { maintainPartitions } from '#credentials/log/partitions.ts'
import { saveBuiltInClient } from '#directory/clients/built-in-client.ts'
import { fillInSkeletons } from '#directory/organizations/organization-names.ts'
import { dnsTxtResolver, type ResolveTxt } from '#directory/organizations/verify-domain.ts'
import type { Config } from '#foundation/config/config.ts'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import { type Database, openDatabase } from '#foundation/database/database.ts'
import { startJobs } from '#foundation/database/job-runner.ts'
import { migrate } from '#foundation/database/migrate.ts'
import { createHttpServer } from '#foundation/http/http-server.ts'
import { createMailDelivery } from '#foundation/outbox/deliver.ts'
import { connectRedis, type RedisClient } from '#foundation/redis/redis.ts'
import { startDemo } from '#surfaces/demo/start-demo.ts'
import type { Readiness } from '#surfaces/operations/health-pages.ts'
import type { DemoAccount } from '#surfaces/setup/demo.ts'
import { readSetupFile } from '#surfaces/setup/setup-file.ts'
import { createListener } from './app.ts'
import { jobsOf } from './jobs.ts'
import { makeParts } from './parts.ts'
import { hotRoutes, productRoutes } from './routes.ts'

export interface RunningServer {
  url: string
  database: Database
  /** People of the demo with the passwords made just now; empty when there are none to tell. */
  demoAccounts: DemoAccount[]
  /** Makes a link by which the first superadmin is created; undefined once there is a user. */
  makeFirstSuperadminLink(): Promise<string | undefined>
  /** Stops accepting, lets requests under way finish, closes everything. */
  stop(): Promise<void>
}

const drainMs = 10_000
const readinessMs = 900

/**
 * Opens the stores, has every part made and every route built of them, and listens.
 * @param options.environment where the setup file's `…_env` names are looked up
 * @param options.resolveTxt by which domains are verified; this machine's name servers where it isn't given
 */
export async function startServer(
  config: Config,
  {
    log,
    environment,
    resolveTxt = dnsTxtResolver(),
  }: { log: Logger; environment: NodeJS.ProcessEnv; resolveTxt?: ResolveTxt },
): Promise<RunningServer> {
  const { issuer } = config
  const onError = (error: unknown) => log.error({ err: error }, 'background work failed')
  const database = await openDatabase({ ...config, onError })
  const redis = config.redisUrl ? await connectRedis(config.redisUrl, { onError }) : undefined
  await migrate(database.background)
  await fillInSkeletons(database.background)
  await saveBuiltInClient(database.db, issuer)
  await maintainPartitions(database.background, { retentionDays: config.logRetentionDays })
  const encryption = encryptionWith(config.encryptionKeys)
  const { outboundAllowedHosts } = config
  if (config.setupFile) {
    const setup = await readSetupFile(config.setupFile, environment)
    const options = {
      actor: { system: 'setup_file' as const, name: 'boot' as const },
      encryption,
      outboundAllowedHosts,
    }
    const { notices } = await applySetup(database.background, setup, options)
    for (const notice of notices) log.warn(`setup: ${describeProblem(notice)}`)
  }

  const parts = await makeParts({ config, log, database, redis, encryption, resolveTxt })
  const { csrf, render, clientAddress, cookieKeys, outbox, current, refusalTime } = parts
  const demo = config.demo ? await startDemo({ db: database.db, issuer, render, csrf, encryption }) : undefined

  let draining = false
  const readiness = async () => (draining ? 'unavailable' : readinessOf(database, redis))
  const listener = createListener({
    issuer,
    log,
    cookieKeys,
    clientAddress,
    render,
    direct: hotRoutes(parts),
    routes: productRoutes(parts, { readiness, demo: demo?.routes }),
  })
  const server = createHttpServer({ issuer, log }, listener)
  await listen(server, config)
  const mailDelivery = createMailDelivery({ ...config, db: database.db, encryption, log })
  const { logRetentionDays, auditRetentionDays } = config
  const jobs = startJobs(
    { db: database.db, log },
    jobsOf({
      db: database.background,
      outbox,
      mailDelivery,
      current,
      refusalTime,
      logRetentionDays,
      auditRetentionDays,
    }),
  )

  /** A job of a silent database would go on for as long as its statements may. */
  function leaveBehind(): void {
    log.warn('stopped while a job was under way')
  }

  return {
    url: issuer,
    database,
    demoAccounts: demo?.accounts ?? [],
    async makeFirstSuperadminLink() {
      const path = await makeFirstSuperadminLink(database.db)
      return path && `${issuer}${path}`
    },
    async stop() {
      draining = true
      await Promise.all([drain(server), within(drainMs, jobs.stop()).catch(leaveBehind)])
      await mailDelivery.stop()
      await database.close()
      redis?.disconnect()
    },
  }
}

/** Within a second, or a load balancer would hold a silent store against the node. */
async function readinessOf(database: Database, redis: RedisClient | undefined): Promise<Readiness> {
  const [answer, protocolState] = await Promise.allSettled([
    within(readinessMs, sql`select 1`.execute(database.db)),
    within(readinessMs, redis?.ping()),
  ])
  if (answer.status === 'rejected') return 'unavailable'
  return protocolState.status === 'rejected' ? 'degraded' : 'ok'
}

async function within<T>(milliseconds: number, answer: Promise<T> | undefined): Promise<T | undefined> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('no answer')), milliseconds)
  return Promise.race([answer, tooLate]).finally(() => clearTimeout(timer))
}

function listen(server: Server, { port, host }: Config): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function drain(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // A kept-alive connection is idle only once the request that it is busy with has been answered.
    const closeIdle = setInterval(() => server.closeIdleConnections(), 50)
    const closeAll = setTimeout(() => server.closeAllConnections(), drainMs)
    server.close(() => {
      clearInterval(closeIdle)
      clearTimeout(closeAll)
      resolve()
    })
    server.closeIdleConnections()
  })
}
