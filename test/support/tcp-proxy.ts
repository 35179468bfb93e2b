import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

interface Passage {
  lost: boolean
  sockets: Socket[]
}

/**
 * A TCP proxy on a port of its own. While it is silent it takes connections and passes nothing on, neither what is sent
 * nor that a side has gone, as a network does that drops packets. A connection of that time stays lost.
 */
export async function startTcpProxy(target: { host: string; port: number }) {
  let silent = false
  const passages = new Set<Passage>()
  const server = createServer((client) => {
    const upstream = connect(target.port, target.host)
    const passage = { lost: silent, sockets: [client, upstream] }
    passages.add(passage)
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('data', (data) => passage.lost || to.write(data))
      from.on('error', () => undefined)
      from.on('close', () => passage.lost || to.destroy())
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    fallSilent() {
      silent = true
      for (const passage of passages) passage.lost = true
    },
    recover() {
      silent = false
    },
    async stop() {
      for (const { sockets } of passages) for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
