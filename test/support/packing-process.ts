import { writeSync } from 'node:fs'
import { packLog } from '#credentials/log/pack-log.ts'
import { openDatabase } from '#foundation/database/database.ts'
import { writeBatch } from './log-entries.ts'

/*
 * Logs uses and packs them until it is killed: `node test/support/packing-process.ts DATA_DIR PREFIX [DATABASE_URL]`. It prints
 * the path of each use once that is committed, and a dot before each statement of the packing.
 */
const [dataDir = '', prefix = '', databaseUrl] = process.argv.slice(2)
const database = await openDatabase({ databaseUrl, dataDir, onError: () => {} })
let isPacking = false
const { pool } = database
const connect = pool.connect.bind(pool)
pool.connect = async () => {
  const client = await connect()
  return {
    query: ((text: string, values: unknown[]) => {
      if (isPacking) writeSync(1, '.\n')
      return client.query(text, values)
    }) as typeof client.query,
    release: () => client.release(),
  }
}
for (let batch = 0; ; batch++) {
  const paths = Array.from({ length: 40 }, (_, n) => `/${prefix}/${batch}/${n}`)
  await writeBatch(
    database.db,
    paths.map((path, n) => ({
      userId: `usr_${n % 3}`,
      organizationId: 'org_1',
      credentialKind: 'api_key',
      credentialId: `key_${n % 5}`,
      path,
    })),
  )
  writeSync(1, `${paths.join('\n')}\n`)
  if (batch % 3 !== 2) continue
  isPacking = true
  await packLog(database.db, { enough: 1, waitSeconds: 0, youngSeconds: 0, most: 100 })
  isPacking = false
}
