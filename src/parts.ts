import type { Logger } from 'pino'
import { adapterFactory } from '#adapters/adapter-factory.ts'
import { exchangeFinder } from '#adapters/find-for-exchange.ts'
import { postgresProtocolState } from '#adapters/postgres-protocol-state.ts'
import { redisProtocolState, redisStateReader } from '#adapters/redis-protocol-state.ts'
import { createUpstreams } from '#authentication/connections/upstreams.ts'
import { mailRequestLimit } from '#authentication/mail-links/mail-request-limit.ts'
import { passwordAuthentication } from '#authentication/passwords/authenticate-with-password.ts'
import { createRefusalTime } from '#authentication/passwords/refusal-time.ts'
import { credentialReferences } from '#credentials/resolve/credential.ts'
import { credentialResolver } from '#credentials/resolve/resolve-credentials.ts'
import { organizationDiscovery } from '#directory/organizations/discover-organizations.ts'
import type { ResolveTxt } from '#directory/organizations/verify-domain.ts'
import type { Config } from '#foundation/config/config.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import type { Database } from '#foundation/database/database.ts'
import { requestTransactions } from '#foundation/database/request-transaction.ts'
import { clientAddressFrom } from '#foundation/http/client-address.ts'
import { createOutboundFetch } from '#foundation/http/outbound-fetch.ts'
import { rateLimits } from '#foundation/http/rate-limit.ts'
import { createMailOutbox } from '#foundation/outbox/outbox.ts'
import type { RedisClient } from '#foundation/redis/redis.ts'
import { keepCurrentProvider } from '#protocol/provider/current-provider.ts'
import { exchangeSettler } from '#protocol/provider/settle-exchange.ts'
import { UpstreamSignOut } from '#protocol/provider/upstream-sign-out.ts'
import { callerAuthentication } from '#surfaces/oauth/authenticate-caller.ts'
import { wrongSecretLimit } from '#surfaces/oauth/client-limits.ts'
import { providerPages } from '#surfaces/oauth/provider-pages.ts'
import { createAssets } from '#surfaces/page-kit/assets.ts'
import { createCsrf } from '#surfaces/page-kit/csrf.ts'
import { KnownBrowser } from '#surfaces/page-kit/known-browser.ts'
import { createRenderer } from '#surfaces/page-kit/render.ts'
import { signedInUsers, usersOfBrowsers } from '#surfaces/page-kit/signed-in-user.ts'
import { UpstreamTransactions } from '#surfaces/sign-in/upstream-transactions.ts'

/** What a server begins with: its stores, opened and migrated, and what it is told. */
export interface Beginnings {
  config: Config
  log: Logger
  database: Database
  redis: RedisClient | undefined
  encryption: Encryption
  resolveTxt: ResolveTxt
}

/** Every part that surfaces are built of, made once. Only the roof sees them together: `routes.ts` hands each to its users. */
export type Parts = Awaited<ReturnType<typeof makeParts>>

export async function makeParts({ config, log, database, redis, encryption, resolveTxt }: Beginnings) {
  const { issuer, outboundAllowedHosts, sessionSeconds, apiKeyPrefix } = config
  const { db } = database
  const outboundFetch = createOutboundFetch(outboundAllowedHosts)
  const upstreams = createUpstreams({ fetch: outboundFetch, encryption })
  const requestTransaction = requestTransactions(db)
  const cookieKeys = encryption.derivedKeys('cookies')
  const csrf = createCsrf({ issuer, keys: encryption.derivedKeys('csrf') })
  const assets = await createAssets()
  const render = createRenderer({ issuer, assets, csrf })
  const resolve = credentialResolver({ pool: database.lookups, log })

  const current = await keepCurrentProvider({
    db,
    encryption,
    provider: {
      issuer,
      sessionSeconds,
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
  const provider = () => current.provider()
  const referenceTo = credentialReferences({ verifyJwt: current.verifyJwt, apiKeyPrefix })
  const createRateLimit = rateLimits({ pool: database.pool, redis })
  const wrongSecrets = wrongSecretLimit(createRateLimit)
  const outbox = createMailOutbox({ encryption, log })
  const refusalTime = createRefusalTime({ db })

  return {
    issuer,
    log,
    db,
    signUp: config.signUp,
    verifyProxy: config.verifyProxy,
    sessionSeconds,
    apiKeyPrefix,
    outboundAllowedHosts,
    requestTransaction,
    findForExchange: exchangeFinder({ pool: database.lookups, readState: redis && redisStateReader(redis) }),
    settleExchange: exchangeSettler({ requestTransaction, pool: database.lookups, encryption }),
    encryption,
    outboundFetch,
    upstreams,
    upstreamTransactions: new UpstreamTransactions({ issuer, db, encryption, upstreams }),
    upstreamSignOut: new UpstreamSignOut({ issuer, db, encryption, upstreams }),
    resolveTxt,
    current,
    provider,
    requireSignedInUser: signedInUsers({ provider, db, issuer, sessionSeconds }),
    userOfBrowser: usersOfBrowsers({ provider, db }),
    resolve,
    referenceTo,
    callers: callerAuthentication({ db, resolve, referenceTo, wrongSecrets }),
    wrongSecrets,
    authenticateWithPassword: passwordAuthentication({ db, createRateLimit, refusalTime }),
    refusalTime,
    clientAddress: clientAddressFrom(config.trustedProxies),
    cookieKeys,
    csrf,
    assets,
    render,
    knownBrowser: new KnownBrowser({ key: encryption.derivedKeys('known browser')[0]!, issuer }),
    outbox,
    createRateLimit,
    mailRequestLimit: mailRequestLimit({ createRateLimit }),
    discoverOrganizations: organizationDiscovery({ db, outbox, createRateLimit }),
  }
}
