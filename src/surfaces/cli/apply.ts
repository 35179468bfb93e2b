import { applySetup } from '#authentication/setup/apply-setup.ts'
import { readSetupFile } from '#surfaces/setup/setup-file.ts'
import { printOutcome } from './print-changes.ts'
import { withDatabase } from './with-database.ts'

/** `gatehouse apply -f FILE` */
export async function applyFile(file: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const setup = await readSetupFile(file, environment)
  const actor = { system: 'setup:apply' } as const
  await withDatabase(environment, async (db, parts) => {
    const outcome = await applySetup(db, setup, { actor, ...parts })
    const callbacks = outcome.changes.length > 0 ? outcome.callbacks : []
    printOutcome({ ...outcome, callbacks }, parts.issuer)
  })
}
