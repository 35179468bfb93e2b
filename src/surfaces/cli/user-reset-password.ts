import { giveNewPassword, mailPasswordReset } from '#authentication/joining/reset-password.ts'
import { operator } from '#directory/users/actor.ts'
import { requireUser } from '#directory/users/user-queries.ts'
import { command, flag, operand } from './command.ts'
import { newPassword, passwordOptions } from './new-password.ts'
import { withDatabase } from './with-database.ts'

export const userResetPassword = command({
  name: 'user reset-password',
  summary: 'mail a person a link to choose a new password, or give them one',
  about:
    'Without options a link is mailed, by the next server that runs; the password stays until it is followed. A password ' +
    'that is given ends all their sessions and grants at once. It is never an argument: every user of this machine sees those.',
  takes: {
    user: operand('email', 'whose (address or id)'),
    type: flag('ask for the password on this terminal'),
    ...passwordOptions,
  },
  examples: [
    'user reset-password ada@acme.test',
    'user reset-password ada@acme.test --generate',
    'user reset-password ada@acme.test --password-stdin < password.txt',
  ],
  async run({ user: idOrEmail, type, ...given }, terminal) {
    const isGiven = type || given.passwordStdin || given.generate
    const chosen = isGiven ? await newPassword(given, terminal) : undefined
    return withDatabase(terminal.environment, async (db, { outbox }) => {
      const { id } = await requireUser(db, idOrEmail)
      if (!chosen) {
        const { email } = await mailPasswordReset({ db, outbox }, operator, id)
        return {
          lines: [`A link is on its way to ${email}; it works once, for one hour.`],
          json: { user: { id, email } },
        }
      }
      const { password, generated } = chosen
      const { email } = await giveNewPassword({ db, outbox }, operator, id, password)
      const json = { user: { id, email }, ...(generated && { password }) }
      const note = `${email} has a new password${generated ? ', shown this once' : ''}. Their sessions have ended.`
      return { lines: generated ? [password] : [], note, json }
    })
  },
})
