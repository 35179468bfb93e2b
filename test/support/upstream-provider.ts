import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Configuration, Provider } from 'oidc-provider'

export const upstreamClient = { clientId: 'gatehouse-at-upstream', clientSecret: 'upstream-secret-0123456789abcdef' }

export interface Upstream {
  /** `http://127.0.0.1:port` */
  issuer: string
  /** For `OUTBOUND_ALLOWED_HOSTS`. */
  host: string
  stop(): Promise<void>
}

/** Somebody else's identity provider: a bare oidc-provider that knows one client. @param client more of its metadata */
export function startUpstream(
  client: Record<string, unknown> = {},
  configuration: Omit<Configuration, 'clients'> = {},
): Promise<Upstream> {
  return listen((issuer) => {
    const metadata = {
      client_id: upstreamClient.clientId,
      client_secret: upstreamClient.clientSecret,
      redirect_uris: ['http://localhost/connections/any/callback'],
      ...client,
    }
    return new Provider(issuer, { ...configuration, clients: [metadata] }).callback()
  })
}

/** A server that says whatever it likes. @param make gets the address that the server goes by */
export function listen(make: (issuer: string) => RequestListener): Promise<Upstream> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      const issuer = `http://127.0.0.1:${port}`
      server.on('request', make(issuer))
      resolve({
        issuer,
        host: `127.0.0.1:${port}`,
        stop: () =>
          new Promise((stopped) => {
            server.closeAllConnections()
            server.close(() => stopped())
          }),
      })
    })
  })
}
