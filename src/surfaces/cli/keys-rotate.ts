import { rotateSigningKeys } from '#credentials/signing-keys/signing-keys.ts'
import { withDatabase } from './with-database.ts'

/** `gatehouse keys rotate`: running servers take the new keys up within seconds. */
export async function rotateKeys(environment: NodeJS.ProcessEnv): Promise<void> {
  const rotation = await withDatabase(environment, (db, { encryption }) => rotateSigningKeys(db, encryption))
  if (rotation.outcome === 'rotated') {
    console.log('Rotated: the next keys sign from now on, the ones before them only verify.')
    return
  }
  console.error(
    `The next keys are not published long enough: servers may verify with a copy without them for an hour. ` +
      `Rotate from ${rotation.possibleFrom.toISOString()} on.`,
  )
  process.exitCode = 1
}
