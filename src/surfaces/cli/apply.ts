import { applySetup } from '#authentication/setup/apply-setup.ts'
import { readSetupFile } from '#surfaces/setup/setup-file.ts'
import { printOutcome } from './print-changes.ts'
import { withDatabase } from './with-database.ts'

/** `gatehouse apply -f FILE` */
export async function applyFile(file: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const setup = await readSetupFile(file, environment)
  printOutcome(
    await withDatabase(environment, (db, parts) =>
      applySetup(db, setup, { actor: { system: 'setup:apply' }, ...parts }),
    ),
  )
}
