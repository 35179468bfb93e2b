import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from './database.ts'
import { dumpSchema } from './dump-schema.ts'
import { migrate } from './migrate.ts'

/** `npm run schema`: writes `schema.sql` anew from an empty database and the migrations. */
const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-schema-'))
const database = await openDatabase({ databaseUrl: undefined, dataDir, onError: () => {} })
try {
  await migrate(database.db)
  writeFileSync(new URL('./schema.sql', import.meta.url), await dumpSchema(database.db))
} finally {
  await database.close()
  rmSync(dataDir, { recursive: true })
}
