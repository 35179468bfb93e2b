import type { ConnectionParts } from '#authentication/connections/save-connection.ts'
import { readConfig } from '#foundation/config/config.ts'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import { openDatabase, type Queryable } from '#foundation/database/database.ts'
import { migrate } from '#foundation/database/migrate.ts'

/**
 * Runs `work` on the database that a server of this environment would open, brought up to date, with the keys that it
 * would encrypt with.
 * @throws ConfigError when the environment cannot be used, DataDirInUseError when a server holds the directory
 */
export async function withDatabase<T>(
  environment: NodeJS.ProcessEnv,
  work: (db: Queryable, parts: ConnectionParts) => Promise<T>,
): Promise<T> {
  const { databaseUrl, dataDir, encryptionKeys, outboundAllowedHosts } = readConfig(environment)
  // A connection that breaks while it is idle is replaced; the next statement says what is wrong.
  const database = await openDatabase({ databaseUrl, dataDir, onError: () => {} })
  try {
    await migrate(database.background)
    return await work(database.background, { encryption: encryptionWith(encryptionKeys), outboundAllowedHosts })
  } finally {
    await database.close()
  }
}
