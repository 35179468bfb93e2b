import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { packEmptyCluster } from './empty-cluster.ts'

/** `npm run cluster`: writes `empty-cluster.br` anew, with the PGlite that is installed. */
const directory = mkdtempSync(join(tmpdir(), 'gatehouse-cluster-'))
try {
  const pglite = await PGlite.create({ dataDir: directory, initDbStartParams: ['--wal-segsize=1'] })
  await pglite.close()
  packEmptyCluster(directory)
} finally {
  rmSync(directory, { recursive: true })
}
