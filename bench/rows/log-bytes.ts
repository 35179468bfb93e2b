import { packLog } from '#credentials/log/pack-log.ts'
import { openDatabase } from '#foundation/database/database.ts'
import { atMost, type Row } from '../finding.ts'
import { measure, median } from '../measure.ts'
import { options } from '../options.ts'
import { logBytes } from '../seed-log.ts'
import { startGatehouse } from '../targets/gatehouse.ts'

/**
 * What one use costs in bytes: all that goes to PostgreSQL's WAL meanwhile, and what the log's tables have grown by, at once and
 * when all of it is packed, as it is five minutes later at the latest.
 */
export const logBytesRow: Row = {
  name: 'bytes per use',
  async measure() {
    const server = await startGatehouse('PostgreSQL')
    if (!server?.database) return []
    const { database } = server
    const size = async () => (await database.query<{ bytes: number }>(logBytes))[0]!.bytes
    const target = server.introspection()
    const { connections, seconds } = options
    await database.checkpoint()
    await measure(target, { connections, seconds })
    const before = await size()
    const rounds = []
    for (let round = 0; round < options.rounds; round++) rounds.push(await measure(target, { connections, seconds }))
    const uses = rounds.reduce((sum, { answers }) => sum + answers, 0)
    const atOnce = (await size()) - before
    await packAll(database.url)
    const unit = { unit: 'bytes', digits: 0 }
    return [
      atMost('bytes per use, WAL', 120, median(rounds.map(({ wal }) => wal)), unit),
      atMost('bytes per use, on disk at once', 120, atOnce / uses, unit),
      atMost('bytes per use, on disk when packed', 40, ((await size()) - before) / uses, unit),
    ]
  },
}

async function packAll(databaseUrl: string): Promise<void> {
  const database = await openDatabase({ databaseUrl, dataDir: '', onError: () => {} })
  await packLog(database.background, { waitSeconds: 0, youngSeconds: 0 })
  await database.close()
}
