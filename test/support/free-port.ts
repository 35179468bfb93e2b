import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below those that systems give to whoever connects out (32,768 and up): none is gone before it is listened on. */
const firstPort = 10_000
const portsOfWorker = 2_750

/** A port of 127.0.0.1 on which nothing listens, and which no other worker of this run is given. */
export async function freePort(): Promise<number> {
  for (;;) {
    const worker = Number(process.env.VITEST_POOL_ID ?? 0) % 8
    const port = firstPort + worker * portsOfWorker + Math.floor(Math.random() * portsOfWorker)
    const server = createServer().listen(port, '127.0.0.1')
    try {
      await once(server, 'listening')
    } catch {
      continue
    }
    server.close()
    await once(server, 'close')
    return port
  }
}
