import type { IncomingHttpHeaders } from 'node:http'
import type { VerifyProxy } from '#foundation/config/config.ts'
import { GatehouseError } from '#foundation/errors.ts'

export interface ForwardedRequest {
  method: string | undefined
  path: string | undefined
  /** May carry the API key, so only the path is kept. */
  query: URLSearchParams | undefined
}

const headersOf: Record<VerifyProxy, { method?: string; uri: string }> = {
  nginx: { method: 'x-original-method', uri: 'x-original-uri' },
  traefik: { method: 'x-forwarded-method', uri: 'x-forwarded-uri' },
  envoy: { uri: 'x-envoy-original-path' },
}

/**
 * The request that a proxy asks about. A proxy overwrites its own headers and passes the others on as the client wrote
 * them, so only those of the proxy that the operator chose count (VERIFY_PROXY). Where none was chosen the headers of
 * one proxy are believed, and those of two refused: one of them is made up.
 * @throws GatehouseError invalid_request
 */
export function forwardedRequest(headers: IncomingHttpHeaders, chosen: VerifyProxy | undefined): ForwardedRequest {
  const spoken = chosen ?? onlyOneIn(headers)
  if (!spoken) return { method: undefined, path: undefined, query: undefined }
  const { method, uri } = headersOf[spoken]
  const [path, query] = textOf(headers, uri)?.split('?', 2) ?? []
  return {
    method: method && textOf(headers, method),
    path,
    query: query === undefined ? undefined : new URLSearchParams(query),
  }
}

function onlyOneIn(headers: IncomingHttpHeaders): VerifyProxy | undefined {
  const found = (Object.keys(headersOf) as VerifyProxy[]).filter((proxy) => {
    const { method, uri } = headersOf[proxy]
    return headers[uri] !== undefined || (method !== undefined && headers[method] !== undefined)
  })
  if (found.length > 1) {
    throw new GatehouseError('invalid_request', `headers of ${found.join(' and ')} at once: set VERIFY_PROXY`)
  }
  return found[0]
}

function textOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}
