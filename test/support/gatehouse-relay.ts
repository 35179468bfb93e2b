import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

/** What the relay makes of an outage; the last is what a caller that looks at no status takes for a yes. */
export type Failure = 'ends connections' | 'answers 500' | 'answers 500 and yes'

const yes = { active: true, sub: 'usr_x', username: 'ada@acme.test', permissions: ['*'], data_scopes: [] }

/**
 * Stands between a program and Gatehouse, so that an outage can be made: by `failure` it answers nothing but 500, or ends
 * each connection. To Gatehouse it passes on everything as it came, but the host, which is the issuer's.
 * @param tls PEM; without it the relay speaks plain HTTP
 */
export async function startRelay(issuer: string, tls?: { key: string; cert: string }) {
  const { host, port } = new URL(issuer)
  const relay = { failure: undefined as Failure | undefined, port: 0, stop }
  const server = (tls ? createTlsServer(tls) : createServer()).listen(0, '127.0.0.1')
  server.on('request', (asked, answer) => {
    if (relay.failure === 'ends connections') return void asked.socket.destroy()
    if (relay.failure) {
      const body = relay.failure === 'answers 500' ? { status: 500, code: 'internal_error' } : yes
      return void answer.writeHead(500).end(JSON.stringify(body))
    }
    const headers = { ...asked.headers, host }
    const passed = request({ host: '127.0.0.1', port, method: asked.method, path: asked.url, headers }, (answered) => {
      answer.writeHead(answered.statusCode ?? 502, answered.headers)
      answered.pipe(answer)
    })
    passed.on('error', () => asked.socket.destroy())
    asked.pipe(passed)
  })
  await once(server, 'listening')
  relay.port = (server.address() as AddressInfo).port
  return relay

  async function stop() {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
}
