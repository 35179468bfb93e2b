import { type ChildProcess, fork } from 'node:child_process'
import { availableParallelism, setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import { GatehouseError } from '#foundation/errors.ts'
import type { HashingAnswer, HashingTask } from './hashing-process.ts'

/*
 * Hashing has a process of its own and a short queue. In our own thread pool sixty sign-ins at once would hold up every
 * signature and introspection behind them; that process may use every core, since it gives way to all else.
 */

const mostAtOnce = availableParallelism()
const longestQueue = 64

/** Whatever else runs on the machine's processors goes before: a tenth of its weight where they are all busy. */
const niceness = 10

interface Waiting {
  task: Omit<HashingTask, 'id'>
  startedAt: number
  resolve(result: string | boolean): void
  reject(error: unknown): void
}

interface Hasher {
  child: ChildProcess
  underWay: Map<number, Waiting>
}

const queue: Waiting[] = []
let hasher: Hasher | undefined
let lastId = 0

/** @throws GatehouseError temporarily_unavailable when too many hashes are waiting */
export function requireHashingRoom(): void {
  if (queue.length >= longestQueue) throw busy()
}

/**
 * Waits for its turn, whether there is room (`requireHashingRoom`) or not.
 * @returns what was found, and when its turn began, by `performance.now()`
 * @throws GatehouseError temporarily_unavailable when the hashing process ended meanwhile
 */
export async function hashInTurn(task: Waiting['task']): Promise<{ result: string | boolean; startedAt: number }> {
  const waiting = { task, startedAt: 0 }
  const result = await new Promise<string | boolean>((resolve, reject) => {
    queue.push(Object.assign(waiting, { resolve, reject }))
    beginNext()
  })
  return { result, startedAt: waiting.startedAt }
}

function beginNext(): void {
  if (queue.length === 0 || (hasher && hasher.underWay.size >= mostAtOnce)) return
  hasher ??= startHasher()
  const { child, underWay } = hasher
  const next = queue.shift()!
  const id = ++lastId
  next.startedAt = performance.now()
  underWay.set(id, next)
  // This process lives for a hash that somebody waits for, and for nothing else there.
  child.channel?.ref()
  child.send({ id, ...next.task } satisfies HashingTask)
}

function startHasher(): Hasher {
  const child = fork(fileURLToPath(new URL('./hashing-process.ts', import.meta.url)), {
    execArgv: [],
    env: { UV_THREADPOOL_SIZE: String(mostAtOnce) },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  // Before its threads are made, which are given what it has then.
  if (child.pid !== undefined) setPriority(child.pid, niceness)
  child.unref()
  const started: Hasher = { child, underWay: new Map() }
  child.on('message', (answer: HashingAnswer) => {
    const { resolve, reject } = started.underWay.get(answer.id)!
    started.underWay.delete(answer.id)
    if (started.underWay.size === 0) child.channel?.unref()
    if ('error' in answer) reject(new Error(answer.error))
    else resolve(answer.result)
    beginNext()
  })
  const end = () => {
    if (hasher === started) hasher = undefined
    for (const { reject } of started.underWay.values()) reject(busy())
    started.underWay.clear()
    beginNext()
  }
  child.once('error', end)
  child.once('exit', end)
  return started
}

function busy(): GatehouseError {
  return new GatehouseError(
    'temporarily_unavailable',
    'Too many sign-ins at this moment. Try again in a few seconds.',
    {
      retryAfterSeconds: 5,
    },
  )
}
