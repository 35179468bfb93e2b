import { readConfig } from '../config.ts'
import type { ConnectionParts } from '../connections/save-connection.ts'
import { encryptionWith } from '../crypto/encryption.ts'
import { openDatabase, type Queryable } from '../database/database.ts'
import { migrate } from '../database/migrate.ts'

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
    await migrate(database.db)
    return await work(database.db, { encryption: encryptionWith(encryptionKeys), outboundAllowedHosts })
  } finally {
    await database.close()
  }
}
