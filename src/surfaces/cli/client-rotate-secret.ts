import { z } from 'zod'
import { longestOverlapSeconds, rotateClientSecret } from '#directory/clients/rotate-client-secret.ts'
import { operator } from '#directory/users/actor.ts'
import { toRotationJson } from '#surfaces/clients/secret-json.ts'
import { command, operand, option } from './command.ts'
import { withDatabase } from './with-database.ts'

const seconds = z.coerce
  .number('must be a number of seconds')
  .int('must be a whole number of seconds')
  .min(0)
  .max(longestOverlapSeconds, `must be at most ${longestOverlapSeconds}, seven days`)

export const clientRotateSecret = command({
  name: 'client rotate-secret',
  summary: 'give a client another secret, and print it this once',
  about:
    'The secret is all that stdout gets. The one before works on for the overlap; without one it is dead at once, on every ' +
    'server.',
  takes: {
    clientId: operand('client_id', 'which'),
    overlapSeconds: option('seconds', 'at most 604800, seven days (default 0)', seconds.default(0)),
  },
  examples: ['client rotate-secret inventory-api --overlap-seconds 3600'],
  run({ clientId, overlapSeconds }, { environment }) {
    return withDatabase(environment, async (db) => {
      const management = { actor: operator, organization: null }
      const rotated = await rotateClientSecret(db, management, clientId, { overlapSeconds })
      const note = `Another secret of ${clientId}, shown this once.`
      return { lines: [rotated.plain], note, json: toRotationJson(rotated) }
    })
  },
})
