import { matchesHash, newHash } from './hash-forms.ts'

/*
 * A process that does nothing but hash passwords, for `hashing.ts`, and ends with the one that it hashes for.
 */

/** What is to be done: a hash of a password, or whether it is the one that a hash was made of. */
export interface HashingTask {
  id: number
  password: string
  hash?: string | undefined
}

export type HashingAnswer = { id: number } & ({ result: string | boolean } | { error: string })

process.on('message', async ({ id, password, hash }: HashingTask) => {
  try {
    send({ id, result: await (hash === undefined ? newHash(password) : matchesHash(hash, password)) })
  } catch (error) {
    send({ id, error: String(error) })
  }
})
// A terminal sends these to both: whoever waits for a hash is still to be answered.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})

function send(answer: HashingAnswer): void {
  process.send?.(answer)
}
