import { applySetup } from '#authentication/setup/apply-setup.ts'
import { readSetupFile } from '#surfaces/setup/setup-file.ts'
import { command } from './command.ts'
import { answerOf } from './describe-changes.ts'
import { setupFile } from './plan.ts'
import { withDatabase } from './with-database.ts'

export const apply = command({
  name: 'apply',
  summary: 'make the database as a setup file says: all of it or, when anything is wrong, nothing',
  about: 'Prints what changed, a line each. Applying the same file again changes nothing.',
  takes: { file: setupFile },
  examples: ['apply -f gatehouse.yaml', 'apply -f gatehouse.yaml --json'],
  async run({ file }, { environment }) {
    const setup = await readSetupFile(file, environment)
    const actor = { system: 'setup_file', name: 'apply' } as const
    return withDatabase(environment, async (db, parts) => {
      const outcome = await applySetup(db, setup, { actor, ...parts })
      const callbacks = outcome.changes.length > 0 ? outcome.callbacks : []
      return answerOf({ ...outcome, callbacks }, parts.issuer)
    })
  },
})
