import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { GatehouseError } from '#foundation/errors.ts'
import type { HashingAnswer, HashingTask } from './hashing-thread.ts'

/*
 * Hashing has threads of its own and a short queue. In libuv's pool sixty sign-ins at once would hold up every signature
 * and introspection behind them. Where a thread can give way to others, as on Linux, there is one for each core; else one
 * core is left to the rest.
 */

const cores = availableParallelism()
const mostThreads = process.platform === 'linux' ? cores : Math.max(1, cores - 1)
const longestQueue = 64

interface Waiting {
  task: HashingTask
  begin(): void
  resolve(result: string | boolean): void
  reject(error: unknown): void
}

interface Thread {
  worker: Worker
  at: Waiting | undefined
}

const threads: Thread[] = []
const queue: Waiting[] = []

/** @throws GatehouseError temporarily_unavailable when too many hashes are waiting */
export function requireHashingRoom(): void {
  if (queue.length < longestQueue) return
  throw new GatehouseError('temporarily_unavailable', 'Too many sign-ins at this moment. Try again in a few seconds.', {
    retryAfterSeconds: 5,
  })
}

/**
 * Waits for its turn, whether there is room (`requireHashingRoom`) or not.
 * @returns what the thread found, and when it began, by `performance.now()`
 */
export async function hashInTurn(task: HashingTask): Promise<{ result: string | boolean; startedAt: number }> {
  let startedAt = 0
  const result = await new Promise<string | boolean>((resolve, reject) => {
    const begin = () => {
      startedAt = performance.now()
    }
    queue.push({ task, begin, resolve, reject })
    beginNext()
  })
  return { result, startedAt }
}

function beginNext(): void {
  if (queue.length === 0) return
  const thread = threads.find(({ at }) => at === undefined) ?? newThread()
  if (!thread) return
  thread.at = queue.shift()!
  thread.at.begin()
  // The process lives for a hash that somebody waits for, and for no idle thread.
  thread.worker.ref()
  thread.worker.postMessage(thread.at.task)
}

function newThread(): Thread | undefined {
  if (threads.length >= mostThreads) return undefined
  const thread: Thread = { worker: new Worker(new URL('./hashing-thread.ts', import.meta.url)), at: undefined }
  thread.worker.on('message', (answer: HashingAnswer) => {
    const { resolve, reject } = thread.at!
    thread.at = undefined
    thread.worker.unref()
    if ('error' in answer) reject(answer.error)
    else resolve(answer.result)
    beginNext()
  })
  thread.worker.once('error', (error) => {
    threads.splice(threads.indexOf(thread), 1)
    thread.at?.reject(error)
    beginNext()
  })
  threads.push(thread)
  return thread
}
