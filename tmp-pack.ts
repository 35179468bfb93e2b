import { packLog } from '#credentials/log/pack-log.ts'
import { openDatabase } from '#foundation/database/database.ts'

const d = await openDatabase({
  databaseUrl: 'postgres://postgres@127.0.0.1:5432/logproto',
  dataDir: '/tmp/x',
  onError: console.error,
})
const t = performance.now()
await packLog(d.background, { waitSeconds: 0, youngSeconds: 0 })
console.log('ms', performance.now() - t)
await d.close()
