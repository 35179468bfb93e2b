import { listSigningKeys } from '#credentials/signing-keys/signing-keys.ts'
import { signingKeyList } from '#surfaces/signing-keys/signing-key-json.ts'
import { command } from './command.ts'
import { table } from './table.ts'
import { lookAtDatabase } from './with-database.ts'

export const keysList = command({
  name: 'keys list',
  summary: 'list the keys that sign tokens, will sign or still verify',
  about: 'Id, algorithm, status and since when: next is published and signs nothing yet, retired only verifies.',
  takes: {},
  examples: ['keys list', 'keys list --json | jq \'.items[] | select(.status == "current")\''],
  run(_, { environment }) {
    return lookAtDatabase(environment, async (db, { encryption }) => {
      const keys = signingKeyList(await listSigningKeys(db, encryption))
      const lines = table(keys.items.map(({ kid, alg, status, since }) => [kid, alg, status, since]))
      return { lines, json: keys }
    })
  },
})
