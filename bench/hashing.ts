import { availableParallelism } from 'node:os'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import argon2 from 'argon2'
import { hashPassword } from '#authentication/passwords/password.ts'
import { password } from './clients.ts'

/**
 * What argon2 gives in a process that does nothing else: verifications of a password of ours, as many at a time as there
 * are cores. Reads `{ seconds }` from standard input, prints a JSON result.
 */
export interface HashingRate {
  perSecond: number
}

const { values } = parseArgs({ options: { run: { type: 'boolean' } } })
if (values.run) process.stdout.write(JSON.stringify(await run(JSON.parse(await text(process.stdin)))))

async function run({ seconds }: { seconds: number }): Promise<HashingRate> {
  const hash = await hashPassword(password)
  const started = performance.now()
  const end = started + seconds * 1000
  let verified = 0
  const verifyUntilEnd = async () => {
    while (performance.now() < end) if (await argon2.verify(hash, password)) verified++
  }
  await Promise.all(Array.from({ length: availableParallelism() }, verifyUntilEnd))
  return { perSecond: verified / ((performance.now() - started) / 1000) }
}
