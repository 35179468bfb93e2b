import { editUser } from '#directory/organizations/edit-user.ts'
import { operator } from '#directory/users/actor.ts'
import { command, flag, operand } from './command.ts'
import { userJson } from './user-json.ts'
import { withDatabase } from './with-database.ts'

export const userDeactivate = command({
  name: 'user deactivate',
  summary: 'switch a person off everywhere, or with --undo on again',
  about:
    'Their sessions, tokens and keys rest at once, and work again once they are switched on. The last superadmin and an ' +
    'organization’s last administrator stay.',
  takes: { user: operand('email', 'whom (address or id)'), undo: flag('switch on again') },
  examples: ['user deactivate ada@acme.test', 'user deactivate ada@acme.test --undo'],
  run({ user: idOrEmail, undo }, { environment }) {
    return withDatabase(environment, async (db) => {
      const user = await editUser(db, operator, idOrEmail, { active: undo })
      return { lines: [`${user.email} is ${undo ? 'active' : 'deactivated'}.`], json: userJson(user) }
    })
  },
})
