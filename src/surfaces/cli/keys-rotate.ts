import { replaceSigningKeys } from '#directory/signing-keys/replace-signing-keys.ts'
import { operator } from '#directory/users/actor.ts'
import { signingKeyList } from '#surfaces/signing-keys/signing-key-json.ts'
import { command } from './command.ts'
import { withDatabase } from './with-database.ts'

export const keysRotate = command({
  name: 'keys rotate',
  summary: 'sign with the next keys; those before them verify until what they signed has expired',
  about:
    'Running servers take the new keys up within seconds. Refused until the next keys have been published for an hour: a ' +
    'server may verify with a copy that lacks them.',
  takes: {},
  examples: ['keys rotate'],
  async run(_, { environment }) {
    const keys = await withDatabase(environment, (db, { encryption }) =>
      replaceSigningKeys(db, { encryption, actor: operator }),
    )
    const lines = ['Rotated: the next keys sign from now on, the ones before them only verify.']
    return { lines, json: signingKeyList(keys) }
  },
})
