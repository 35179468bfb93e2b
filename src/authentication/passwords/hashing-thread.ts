import { readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { matchesHash, newHash } from './hash-forms.ts'

/*
 * A thread that does nothing but hash passwords, one after the other, for `hashing.ts`.
 */

/** What is to be done: a hash of a password, or whether it is the one that a hash was made of. */
export type HashingTask = { password: string; hash?: string }

export type HashingAnswer = { result: string | boolean } | { error: unknown }

/** Whatever else runs on the machine's processors goes before: a tenth of its weight where they are all busy. */
const niceness = 10

yieldToOthers()
parentPort?.on('message', ({ password, hash }: HashingTask) => {
  parentPort?.postMessage(answerOf(() => (hash === undefined ? newHash(password) : matchesHash(hash, password))))
})

function answerOf(work: () => string | boolean): HashingAnswer {
  try {
    return { result: work() }
  } catch (error) {
    return { error }
  }
}

/** Linux has priorities for each thread. */
function yieldToOthers(): void {
  if (process.platform !== 'linux') return
  const [, , thread] = readlinkSync('/proc/thread-self').split('/')
  setPriority(Number(thread), niceness)
}
