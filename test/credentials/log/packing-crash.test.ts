import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { sql } from 'kysely'
import { expect, test, vi } from 'vitest'
import { packLog } from '#credentials/log/pack-log.ts'
import { openDatabase } from '#foundation/database/database.ts'
import { availableDatabases, createTestDatabase } from '#support/databases.ts'
import { startProcess } from '#support/server-process.ts'

// A process takes seconds to start where other tests keep the processors busy.
vi.setConfig({ testTimeout: 240_000 })

const kills = 6

test.each(availableDatabases())(
  'kill -9 at any statement of the packing loses and doubles no use, on %s',
  async (kind) => {
    const database = await createTestDatabase(kind)
    mkdirSync(database.dataDir, { recursive: true })
    const committed: string[] = []
    try {
      for (let kill = 0; kill < kills; kill++) {
        const url = database.databaseUrl ? [database.databaseUrl] : []
        const packer = startProcess({}, ['test/support/packing-process.ts', database.dataDir, String(kill), ...url])
        const dots = () => packer.stdout().split('.\n').length - 1
        // Another statement each time; the packing of a round has some twenty.
        while (dots() < 3 + 9 * kill) await Promise.race([once(packer.child, 'printed'), packer.ended.then(fail)])
        packer.child.kill('SIGKILL')
        await packer.ended
        committed.push(
          ...packer
            .stdout()
            .split('\n')
            .filter((line) => line.startsWith('/')),
        )
      }
      const { db, close } = await openDatabase({ ...database, onError: () => {} })
      const paths = async () =>
        (await db.selectFrom('authenticationLog').select(['id', 'path']).execute()).map(({ path }) => path!)
      const logged = await paths()
      expect(new Set(logged).size).toBe(logged.length)
      expect(committed.filter((path) => !new Set(logged).has(path))).toEqual([])
      expect(committed.length).toBeGreaterThan(kills * 40)
      await packLog(db, { waitSeconds: -1, youngSeconds: -1 })
      expect((await paths()).toSorted()).toEqual(logged.toSorted())
      const { rows } = await sql<{ uses: number }>`
      select sum(uses)::int as uses from authentication_log_days where subject = 'org_1'
      union all select count(*)::int from authentication_log_batches
      union all select sum(uses)::int from authentication_log_segments`.execute(db)
      await close()
      expect(rows.map(({ uses }) => uses)).toEqual([logged.length, 0, logged.length])
    } finally {
      await database.drop()
    }
  },
)

function fail(): never {
  throw new Error('the process ended by itself')
}
