import type { Server } from 'node:http'
import { sql } from 'kysely'
import type { Logger } from 'pino'
import { adapterFactory } from '#adapters/adapter-factory.ts'
import { postgresProtocolState } from '#adapters/postgres-protocol-state.ts'
import { redisProtocolState } from '#adapters/redis-protocol-state.ts'
import { createUpstreams } from '#authentication/connections/upstreams.ts'
import { mailRequestLimit } from '#authentication/mail-links/mail-request-limit.ts'
import { passwordAuthentication } from '#authentication/passwords/authenticate-with-password.ts'
import { applySetup } from '#authentication/setup/apply-setup.ts'
import { maintainPartitions } from '#credentials/log/partitions.ts'
import { credentialReferences } from '#credentials/resolve/credential.ts'
import { credentialResolver } from '#credentials/resolve/resolve-credentials.ts'
import { saveBuiltInClient } from '#directory/clients/built-in-client.ts'
import { organizationDiscovery } from '#directory/organizations/discover-organizations.ts'
import { dnsTxtResolver, type ResolveTxt } from '#directory/organizations/verify-domain.ts'
import type { Config } from '#foundation/config/config.ts'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import { type Database, openDatabase } from '#foundation/database/database.ts'
import { startJobs } from '#foundation/database/job-runner.ts'
import { migrate } from '#foundation/database/migrate.ts'
import { requestTransactions } from '#foundation/database/request-transaction.ts'
import { clientAddressFrom } from '#foundation/http/client-address.ts'
import { createHttpServer } from '#foundation/http/http-server.ts'
import { createOutboundFetch } from '#foundation/http/outbound-fetch.ts'
import { rateLimits } from '#foundation/http/rate-limit.ts'
import { createMailDelivery } from '#foundation/outbox/deliver.ts'
import { createMailOutbox } from '#foundation/outbox/outbox.ts'
import { connectRedis, type RedisClient } from '#foundation/redis/redis.ts'
import { keepCurrentProvider } from '#protocol/provider/current-provider.ts'
import { UpstreamSignOut } from '#protocol/provider/upstream-sign-out.ts'
import { startDemo } from '#surfaces/demo/start-demo.ts'
import { callerAuthentication } from '#surfaces/oauth/authenticate-caller.ts'
import { providerPages } from '#surfaces/oauth/provider-pages.ts'
import type { Readiness } from '#surfaces/operations/health-pages.ts'
import { createAssets } from '#surfaces/page-kit/assets.ts'
import { createCsrf } from '#surfaces/page-kit/csrf.ts'
import { KnownBrowser } from '#surfaces/page-kit/known-browser.ts'
import { createRenderer } from '#surfaces/page-kit/render.ts'
import type { DemoAccount } from '#surfaces/setup/demo.ts'
import { readSetupFile } from '#surfaces/setup/setup-file.ts'
import { UpstreamTransactions } from '#surfaces/sign-in/upstream-transactions.ts'
import { createListener } from './app.ts'
import { jobsOf } from './jobs.ts'

export interface RunningServer {
  url: string
  database: Database
  /** People of the demo with the passwords made just now; empty when there are none to tell. */
  demoAccounts: DemoAccount[]
  /** Stops accepting, lets requests under way finish, closes everything. */
  stop(): Promise<void>
}

const drainMs = 10_000

/**
 * The composition root: every part is made here and handed to those that need it.
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
  await migrate(database.db)
  await saveBuiltInClient(database.db, issuer)
  await maintainPartitions(database.db, { retentionDays: config.logRetentionDays })
  const encryption = encryptionWith(config.encryptionKeys)
  const { outboundAllowedHosts } = config
  if (config.setupFile) {
    const setup = await readSetupFile(config.setupFile, environment)
    await applySetup(database.db, setup, { actor: 'setup:boot', encryption, outboundAllowedHosts })
  }

  const outboundFetch = createOutboundFetch(outboundAllowedHosts)
  const upstreams = createUpstreams({ fetch: outboundFetch, encryption })
  const requestTransaction = requestTransactions(database.db)
  const cookieKeys = encryption.derivedKeys('cookies')
  const csrf = createCsrf({ issuer, keys: encryption.derivedKeys('csrf') })
  const assets = await createAssets()
  const render = createRenderer({ issuer, assets, csrf })
  const clientAddress = clientAddressFrom(config.trustedProxies)
  const resolve = credentialResolver({ pool: database.lookups, log })

  const current = await keepCurrentProvider({
    db: database.db,
    encryption,
    provider: {
      issuer,
      sessionSeconds: config.sessionSeconds,
      db: requestTransaction.db,
      adapter: adapterFactory({
        db: requestTransaction.db,
        protocolState: redis
          ? redisProtocolState({ db: requestTransaction.db, redis })
          : postgresProtocolState({ db: requestTransaction.db }),
      }),
      cookieKeys,
      fetch: outboundFetch,
      pages: providerPages({ render }),
    },
  })
  const referenceTo = credentialReferences({ verifyJwt: current.verifyJwt, apiKeyPrefix: config.apiKeyPrefix })
  const demo = config.demo ? await startDemo({ db: database.db, issuer, render, csrf, encryption }) : undefined

  const createRateLimit = rateLimits({ pool: database.pool, redis })
  const outbox = createMailOutbox({ encryption, log })

  let draining = false
  const listener = createListener({
    issuer,
    log,
    db: database.db,
    requestTransaction,
    encryption,
    outboundFetch,
    outboundAllowedHosts,
    upstreams,
    upstreamTransactions: new UpstreamTransactions({ issuer, db: database.db, encryption, upstreams }),
    upstreamSignOut: new UpstreamSignOut({ issuer, db: database.db, encryption, upstreams }),
    resolveTxt,
    current,
    resolve,
    referenceTo,
    callers: callerAuthentication({ db: database.db, resolve, referenceTo }),
    authenticateWithPassword: passwordAuthentication({ db: database.db, createRateLimit }),
    clientAddress,
    render,
    assets,
    csrf,
    knownBrowser: new KnownBrowser({ key: encryption.derivedKeys('known browser')[0]!, issuer }),
    cookieKeys,
    sessionSeconds: config.sessionSeconds,
    outbox,
    apiKeyPrefix: config.apiKeyPrefix,
    createRateLimit,
    signUp: config.signUp,
    verifyProxy: config.verifyProxy,
    mailRequestLimit: mailRequestLimit({ createRateLimit }),
    discoverOrganizations: organizationDiscovery({ db: database.db, outbox, createRateLimit }),
    readiness: async () => (draining ? 'unavailable' : readinessOf(database, redis)),
    demo: demo?.demo,
  })
  const server = createHttpServer({ issuer, log }, listener)
  await listen(server, config)
  const mailDelivery = createMailDelivery({ ...config, db: database.db, encryption, log })
  const { logRetentionDays } = config
  const jobs = startJobs(
    { db: database.db, log },
    jobsOf({ db: database.db, outbox, mailDelivery, current, logRetentionDays }),
  )

  return {
    url: issuer,
    database,
    demoAccounts: demo?.accounts ?? [],
    async stop() {
      draining = true
      await Promise.all([drain(server), jobs.stop()])
      await mailDelivery.stop()
      await database.close()
      redis?.disconnect()
    },
  }
}

async function readinessOf(database: Database, redis: RedisClient | undefined): Promise<Readiness> {
  const [answer, protocolState] = await Promise.allSettled([sql`select 1`.execute(database.db), redis?.ping()])
  if (answer.status === 'rejected') return 'unavailable'
  return protocolState.status === 'rejected' ? 'degraded' : 'ok'
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
