import { Browser } from '#support/browser.ts'
import { startRedis } from '#support/redis-server.ts'
import type { Algorithm } from '../clients.ts'
import type { Speech } from '../conversations.ts'
import type { Target } from '../measure.ts'
import { options } from '../options.ts'
import { afterwards, type Started, start } from '../processes.ts'
import {
  authorizationPath,
  authorizationRequest,
  clientCredentialsRequest,
  codeRequest,
  introspectionRequest,
  refreshRequest,
} from '../requests.ts'

/** oidc-provider by itself, over a Redis of its own. */
export interface Library {
  introspection: Target
  clientCredentials: Target
  refresh(algorithm: Algorithm): Target
  code(algorithm: Algorithm): Promise<Target>
}

let running: Promise<Library | undefined> | undefined

/** Undefined where no Redis is installed. */
export function library(): Promise<Library | undefined> {
  running ??= startLibrary()
  return running
}

async function startLibrary(): Promise<Library | undefined> {
  const redis = await startRedis()
  if (!redis) {
    console.error('the bare library is left out: no redis-server')
    return undefined
  }
  afterwards(() => redis.stop())
  const server = await start('bench/servers/library.ts', {
    REDIS_URL: redis.url,
    CONNECTIONS: String(options.connections),
    TOKENS: String(options.tokens),
  })
  const { port } = server
  const { tokens, refreshTokens } = JSON.parse(server.output.split('\n').find((line) => line.startsWith('{'))!)
  const target = (name: string, speech: Speech): Target => ({ name: `library, ${name}`, server, speech })
  return {
    introspection: target('introspection', {
      kind: 'round',
      requests: tokens.map((token: string) => introspectionRequest(port, token)),
    }),
    clientCredentials: target('client credentials', { kind: 'round', requests: [clientCredentialsRequest(port)] }),
    refresh: (algorithm) =>
      target(`refresh, ${algorithm}`, {
        kind: 'refresh',
        requests: refreshTokens[algorithm].map((token: string) => refreshRequest(port, token, algorithm)),
      }),
    code: async (algorithm) =>
      target(`code, ${algorithm}`, {
        kind: 'code',
        authorize: authorizationRequest(port, algorithm),
        redeem: codeRequest(port, algorithm),
        cookies: await signInEverybody(server, algorithm),
      }),
  }
}

async function signInEverybody({ port }: Started, algorithm: Algorithm): Promise<string[]> {
  const cookies: string[] = []
  for (let person = 0; person < options.connections; person++) {
    const browser = new Browser((url) => url.port === '8080')
    await browser.get(`http://localhost:${port}${authorizationPath(algorithm, `usr_${person}`)}`)
    cookies.push(browser.cookiesFor('/oauth/authorize'))
  }
  return cookies
}
