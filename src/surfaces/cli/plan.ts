import { planSetup } from '#authentication/setup/plan-setup.ts'
import { readSetupFile } from '#surfaces/setup/setup-file.ts'
import { printOutcome } from './print-changes.ts'
import { lookAtDatabase } from './with-database.ts'

/** `gatehouse plan -f FILE` */
export async function planFile(file: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const setup = await readSetupFile(file, environment)
  await lookAtDatabase(environment, async (db, parts) => printOutcome(await planSetup(db, setup, parts), parts.issuer))
}
