import { randomBytes } from 'node:crypto'
import type { ConnectionParts } from '#authentication/connections/save-connection.ts'
import { withOrigin } from '#foundation/audit/origin.ts'
import { type Config, readConfig } from '#foundation/config/config.ts'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import { openDatabase, type Queryable } from '#foundation/database/database.ts'
import { listPendingMigrations, migrate } from '#foundation/database/migrate.ts'
import { embeddedDatabaseExists } from '#foundation/database/pglite-pool.ts'
import { createLog } from '#foundation/log/log.ts'
import { createMailOutbox, type MailOutbox } from '#foundation/outbox/outbox.ts'

/** What a command has besides the database, made as the server makes it. */
export interface CommandParts extends ConnectionParts {
  issuer: string
  apiKeyPrefix: string
  /** What a command leaves in it is sent by the next server that runs. */
  outbox: MailOutbox
}

type Work<T> = (db: Queryable, parts: CommandParts) => Promise<T>

/** What would have to be written before there is anything to look at. */
export class NotMigratedError extends Error {}

/**
 * Runs `work` on the database that a server of this environment would open, brought up to date, with the keys that it
 * would encrypt with.
 * @throws ConfigError when the environment cannot be used, DataDirInUseError when a server holds the directory
 */
export async function withDatabase<T>(environment: NodeJS.ProcessEnv, work: Work<T>): Promise<T> {
  return opened(readConfig(environment), async (db, parts) => {
    await migrate(db)
    return work(db, parts)
  })
}

/**
 * The same for a look that leaves no trace: neither a database nor a table nor a key is made.
 * @throws NotMigratedError when the database isn't there or not up to date
 */
export async function lookAtDatabase<T>(environment: NodeJS.ProcessEnv, look: Work<T>): Promise<T> {
  // Nothing is encrypted under this key: it stands for the one that a first start would make.
  const config = readConfig(environment, { newKey: () => randomBytes(32) })
  if (!config.databaseUrl && !embeddedDatabaseExists(config.dataDir)) {
    throw new NotMigratedError(`there is no database in ${config.dataDir} yet: apply, or a first start, makes it`)
  }
  return opened(config, async (db, parts) => {
    const pending = await listPendingMigrations(db)
    if (pending.length > 0) {
      throw new NotMigratedError(`the database lacks ${pending.join(', ')}: apply, or a start, migrates it`)
    }
    return look(db, parts)
  })
}

async function opened<T>(config: Config, work: Work<T>): Promise<T> {
  const { databaseUrl, dataDir, encryptionKeys, outboundAllowedHosts, issuer, apiKeyPrefix } = config
  const encryption = encryptionWith(encryptionKeys)
  const outbox = createMailOutbox({ encryption, log: createLog('warn', process.stderr) })
  // A connection that breaks while it is idle is replaced; the next statement says what is wrong.
  const database = await openDatabase({ databaseUrl, dataDir, onError: () => {} })
  try {
    const parts = { encryption, outboundAllowedHosts, issuer, apiKeyPrefix, outbox }
    return await withOrigin({ via: 'command_line' }, () => work(database.background, parts))
  } finally {
    await database.close()
  }
}
