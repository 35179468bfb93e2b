import { readSetupFile } from '../setup/apply-setup.ts'
import { planSetup } from '../setup/plan-setup.ts'
import { printChanges, printWarnings } from './print-changes.ts'
import { withDatabase } from './with-database.ts'

/** `gatehouse plan -f FILE` */
export async function planFile(file: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const setup = await readSetupFile(file, environment)
  printWarnings(setup.warnings)
  printChanges(await withDatabase(environment, (db) => planSetup(db, setup)))
}
