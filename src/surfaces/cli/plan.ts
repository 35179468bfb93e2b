import { readSetupFile } from '#surfaces/setup/apply-setup.ts'
import { planSetup } from '#surfaces/setup/plan-setup.ts'
import { printChanges } from './print-changes.ts'
import { withDatabase } from './with-database.ts'

/** `gatehouse plan -f FILE` */
export async function planFile(file: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const setup = await readSetupFile(file, environment)
  printChanges(await withDatabase(environment, (db, parts) => planSetup(db, setup, parts)))
}
