import { z } from 'zod'
import { listUsersInOrder } from '#directory/users/user-queries.ts'
import { emailKey } from '#foundation/values/email-address.ts'
import { command, flag, option, optionalText } from './command.ts'
import { table } from './table.ts'
import { userJson } from './user-json.ts'
import { lookAtDatabase } from './with-database.ts'

const limit = z.coerce.number('must be a number').int('must be a whole number').min(1).max(100_000)

export const userList = command({
  name: 'user list',
  summary: 'list users by address',
  about: 'Address, id, name, and whether they are a superadmin or deactivated.',
  takes: {
    search: option('text', 'only with this in the address or the name', optionalText),
    superadmin: flag('only superadmins'),
    deactivated: flag('only who is deactivated'),
    limit: option('count', 'at most so many (default 100)', limit.default(100)),
    after: option('email', 'go on behind this address', optionalText),
  },
  examples: ['user list --search acme.test', "user list --superadmin --json | jq -r '.items[].email'"],
  run({ search, superadmin, deactivated, limit, after }, { environment }) {
    return lookAtDatabase(environment, async (db) => {
      const filter = { search, superadmin: superadmin || undefined, active: deactivated ? false : undefined }
      const place = { after: after === undefined ? undefined : emailKey(after), limit: limit + 1 }
      const found = await listUsersInOrder(db, filter, place)
      const users = found.slice(0, limit)
      const lines = table(
        users.map((user) => [
          user.email,
          user.id,
          user.name,
          [user.superadmin && 'superadmin', user.deactivatedAt && 'deactivated'].filter(Boolean).join(', '),
        ]),
      )
      const last = found.length > limit ? users.at(-1)?.email : undefined
      const note = last === undefined ? {} : { note: `There are more: add --after ${last}` }
      return { lines, ...note, json: { items: users.map(userJson), next_after: last ?? null } }
    })
  },
})
