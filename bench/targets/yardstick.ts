import type { Target } from '../measure.ts'
import { type Started, start } from '../processes.ts'
import { plainRequest } from '../requests.ts'

const started = new Map<number, Promise<Started>>()

/** The bare server that every number is a ratio to; with more processes, what they gain on this machine. */
export async function yardstick(workers = 1): Promise<Target> {
  const running = started.get(workers) ?? start('bench/servers/yardstick.ts', { WORKERS: String(workers) })
  started.set(workers, running)
  const name = workers === 1 ? 'yardstick' : `yardstick, ${workers} workers`
  return { name, server: await running, speech: { kind: 'round', requests: [plainRequest] } }
}
