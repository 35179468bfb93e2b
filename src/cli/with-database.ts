import { readConfig } from '../config.ts'
import { openDatabase, type Queryable } from '../database/database.ts'
import { migrate } from '../database/migrate.ts'

/**
 * Runs `work` on the database that a server of this environment would open, brought up to date.
 * @throws ConfigError when the environment cannot be used, DataDirInUseError when a server holds the directory
 */
export async function withDatabase<T>(environment: NodeJS.ProcessEnv, work: (db: Queryable) => Promise<T>): Promise<T> {
  const { databaseUrl, dataDir } = readConfig(environment)
  // A connection that breaks while it is idle is replaced; the next statement says what is wrong.
  const database = await openDatabase({ databaseUrl, dataDir, onError: () => {} })
  try {
    await migrate(database.db)
    return await work(database.db)
  } finally {
    await database.close()
  }
}
