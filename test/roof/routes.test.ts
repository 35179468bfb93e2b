import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import type { Route } from '#foundation/http/router.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { type Answer, send } from '#support/wire.ts'
import { makeParts, type Parts } from '../../src/parts.ts'
import { productRoutes } from '../../src/routes.ts'

let gatehouse: Gatehouse
let parts: Parts
let routes: Route[]
beforeAll(async () => {
  gatehouse = await startGatehouse({ config: { signUp: 'open' } })
  const { config, database } = gatehouse
  parts = await makeParts({
    config,
    database,
    log: pino({ level: 'silent' }),
    redis: undefined,
    encryption: encryptionWith(config.encryptionKeys),
    resolveTxt: async () => [],
  })
  routes = productRoutes(parts, { readiness: async () => 'ok', demo: undefined })
})
afterAll(() => gatehouse.stop())

const ask = (method: string, path: string): Promise<Answer> =>
  send(gatehouse, gatehouse.config.port, {
    method,
    path,
    headers: { accept: 'application/json', ...preflight(method) },
  })

const preflight = (method: string): Record<string, string> =>
  method === 'OPTIONS' ? { origin: 'https://app.example', 'access-control-request-method': 'POST' } : {}

/** The path with something in the place of each `:name`. */
const pathOf = (path: string) =>
  path === '/assets/:name' ? parts.assets.url('gatehouse.css') : path.replace(/:\w+/g, 'acme')

const paths = () => [...new Set(routes.map(([, path]) => path))]
const isNothing = ({ status, text }: Answer) => status === 404 && text.includes('There is nothing at this address.')

test('all of them are on one page', async () => {
  const lines = routes.map(([method, path]) => `${method.padEnd(7)} ${path}`)
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('../../docs/routes.txt')
})

test('each is answered', async () => {
  const unanswered: string[] = []
  for (const [method, path] of routes) {
    const answer = await ask(method, pathOf(path))
    if (answer.status === 405 || answer.status >= 500 || isNothing(answer)) unanswered.push(`${method} ${path}`)
  }
  expect(unanswered).toEqual([])
})

test('a path that exists with other methods answers 405, and names them (RFC 9110 §15.5.6)', async () => {
  const answers: Record<string, unknown> = {}
  const expected: Record<string, unknown> = {}
  for (const path of paths()) {
    const { status, headers } = await ask('PROPFIND', pathOf(path))
    answers[path] = [status, String(headers.allow).split(', ').sort()]
    const methods = routes.filter((route) => route[1] === path || isMatchedBy(route, path)).map(([method]) => method)
    expected[path] = [405, [...new Set(methods.includes('GET') ? [...methods, 'HEAD'] : methods)].sort()]
  }
  expect(answers).toEqual(expected)
})

/** `/v1/api-keys/{id}` also matches `/v1/api-keys/revoke-leaked`. */
function isMatchedBy([, pattern]: Route, path: string): boolean {
  return !path.includes(':') && new RegExp(`^${pattern.replaceAll('.', '\\.').replace(/:\w+/g, '[^/]+')}$`).test(path)
}

test('a browser is told so on a page', async () => {
  const answer = await send(gatehouse, gatehouse.config.port, {
    method: 'GET',
    path: '/account/sign-out',
    headers: { accept: 'text/html' },
  })
  expect([answer.status, answer.headers.allow]).toEqual([405, 'POST'])
  expect(answer.text).toContain('<h1')
})

test('paths are exact: no other case, nothing behind, no slash at the end', async () => {
  const answered: string[] = []
  for (const path of paths().filter((one) => one !== '/')) {
    const real = pathOf(path)
    for (const other of [`${real}/`, `/${real}`, real.replace(/^\/[a-z.]+/, (word) => word.toUpperCase())]) {
      const answer = await ask('GET', other)
      if (other !== real && !isNothing(answer)) answered.push(`${other} ${answer.status}`)
    }
  }
  expect(answered).toEqual([])
})
