import { rotateSigningKeys } from '#credentials/signing-keys/signing-keys.ts'
import { operator } from '#directory/users/actor.ts'
import { GatehouseError } from '#foundation/errors.ts'
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
    const rotation = await withDatabase(environment, (db, { encryption }) =>
      rotateSigningKeys(db, encryption, { actor: operator }),
    )
    if (rotation.outcome === 'rotated') {
      const lines = ['Rotated: the next keys sign from now on, the ones before them only verify.']
      return { lines, json: { rotated: true } }
    }
    const possibleFrom = rotation.possibleFrom.toISOString()
    throw new GatehouseError(
      'conflict',
      `The next keys are not published long enough: servers may verify with a copy without them for an hour. ` +
        `Rotate from ${possibleFrom} on.`,
      { members: { possible_from: possibleFrom } },
    )
  },
})
