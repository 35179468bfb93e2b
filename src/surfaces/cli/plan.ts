import { z } from 'zod'
import { planSetup } from '#authentication/setup/plan-setup.ts'
import { readSetupFile } from '#surfaces/setup/setup-file.ts'
import { command, option } from './command.ts'
import { answerOf } from './describe-changes.ts'
import { lookAtDatabase } from './with-database.ts'

export const setupFile = option('file', 'the YAML file that GATEHOUSE_CONFIG would name', z.string().min(1), 'f')

export const plan = command({
  name: 'plan',
  summary: 'print what apply would change, and change nothing',
  about: '+ is made, ! taken over, ~ changed, - removed; = stays as it is although the file says otherwise.',
  takes: { file: setupFile },
  examples: ['plan -f gatehouse.yaml', "plan -f gatehouse.yaml --json | jq '.changes[].subject'"],
  async run({ file }, { environment }) {
    const setup = await readSetupFile(file, environment)
    return lookAtDatabase(environment, async (db, parts) => answerOf(await planSetup(db, setup, parts), parts.issuer))
  },
})
