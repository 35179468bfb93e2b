import { createUser } from '#authentication/joining/create-user.ts'
import { operator } from '#directory/users/actor.ts'
import { emailAddress } from '#foundation/values/email-address.ts'
import { displayName } from '#foundation/values/names.ts'
import { command, flag, operand, option } from './command.ts'
import { newPassword, passwordOptions } from './new-password.ts'
import { withDatabase } from './with-database.ts'

export const userCreate = command({
  name: 'user create',
  summary: 'make an account for a person',
  about:
    'Without a password a link is mailed, by the next server that runs, by which they choose one. A password is never an ' +
    'argument: every user of this machine sees those. Into an organization they come by member invite.',
  takes: {
    email: operand('email', 'their address; it counts as verified', emailAddress),
    name: option('name', 'shown to people', displayName),
    superadmin: flag('they pass every check, in every organization'),
    type: flag('ask for a password on this terminal'),
    ...passwordOptions,
  },
  examples: [
    'user create ada@acme.test --name "Ada Lovelace"',
    'user create root@acme.test --name Root --superadmin --generate',
    'user create ada@acme.test --name Ada --password-stdin < password.txt',
  ],
  async run({ email, name, superadmin, type, ...given }, terminal) {
    const isGiven = type || given.passwordStdin || given.generate
    const chosen = isGiven ? await newPassword(given, terminal) : undefined
    return withDatabase(terminal.environment, async (db, { outbox }) => {
      const request = { email, name, superadmin, password: chosen?.password }
      const user = await createUser({ db, outbox }, operator, request)
      const secret = chosen?.generated ? { password: chosen.password } : {}
      const then = chosen ? '' : ' A link to choose a password is on its way; it works once, for one hour.'
      const note = `Made ${user.email} (${user.id}).${then}${chosen?.generated ? ' The password is shown this once.' : ''}`
      return { lines: chosen?.generated ? [chosen.password] : [], note, json: { ...user, superadmin, ...secret } }
    })
  },
})
