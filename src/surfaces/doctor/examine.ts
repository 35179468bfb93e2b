import { surveySigningKeys } from '#credentials/signing-keys/signing-keys.ts'
import { allClients, listClients } from '#directory/clients/client-queries.ts'
import { type Config, ConfigError, readConfig } from '#foundation/config/config.ts'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import { type Database, openDatabase } from '#foundation/database/database.ts'
import { DataDirInUseError, embeddedDatabaseExists } from '#foundation/database/pglite-pool.ts'
import { surveyDatabase } from '#foundation/database/survey-database.ts'
import { checkClients } from './check-clients.ts'
import { checkConfiguration } from './check-configuration.ts'
import { checkKeys } from './check-keys.ts'
import { checkMail } from './check-mail.ts'
import { checkOutside } from './check-outside.ts'
import { checkDatabase, checkRedis } from './check-stores.ts'
import { type Finding, findingsOf, reasonOf } from './finding.ts'

/**
 * Looks at everything that a deployment needs, and changes nothing.
 * @param options.mailTo to whom a mail is sent, so that its way is known to the end
 */
export async function examine(
  environment: NodeJS.ProcessEnv,
  { mailTo }: { mailTo?: string | undefined },
): Promise<Finding[]> {
  let config: Config
  try {
    config = readConfig(environment, { newKey: () => Buffer.alloc(32) })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const { findings, fail } = findingsOf('configuration')
    for (const line of error.message.split('\n')) fail(line, 'Correct the variable: no server starts with it.')
    return findings
  }
  const checks = [
    checkConfiguration(config, environment),
    checkEverythingStored(config),
    checkRedis(config.redisUrl),
    checkMail(config, mailTo),
    checkOutside(config.issuer),
  ]
  return (await Promise.all(checks)).flat()
}

async function checkEverythingStored(config: Config): Promise<Finding[]> {
  const { findings, warn, fail } = findingsOf('database')
  const { databaseUrl, dataDir } = config
  if (!databaseUrl && !embeddedDatabaseExists(dataDir)) {
    warn(`there is no database in ${dataDir} yet`, 'The first start makes it.')
    return findings
  }
  let database: Database | undefined
  try {
    database = await openDatabase({ databaseUrl, dataDir, onError: () => {} })
    return await checkStored(database, config)
  } catch (error) {
    if (error instanceof DataDirInUseError) {
      warn(
        `a running server holds ${dataDir}: database, clock, signing keys and clients were not looked at`,
        'Stop it and ask again; what it says over HTTP is below.',
      )
    } else
      fail(`no answer: ${reasonOf(error)}`, 'Check DATABASE_URL, and that PostgreSQL runs and lets this machine in.')
    return findings
  } finally {
    await database?.close()
  }
}

async function checkStored(database: Database, { encryptionKeys }: Config): Promise<Finding[]> {
  const { db, embedded } = database
  const survey = await surveyDatabase(db)
  const findings = checkDatabase(survey, { embedded })
  // Their tables may lack columns.
  if (survey.pendingMigrations.length > 0) return findings
  const keys = await surveySigningKeys(db, encryptionWith(encryptionKeys))
  const ids: string[] = []
  for (const resourceServers of [false, true]) {
    const clients = await allClients(db, { resourceServers }).execute()
    ids.push(...clients.map(({ clientId }) => clientId))
  }
  const at = new Date(Date.now() + survey.clockAheadMs)
  return [...findings, ...checkKeys(keys, at), ...checkClients(await listClients(db, { clientIds: ids }))]
}
