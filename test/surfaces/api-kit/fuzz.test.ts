import { afterAll, beforeAll, expect, test } from 'vitest'
import { call, newTokens } from '#support/api-requests.ts'
import { clientToken } from '#support/credential-requests.ts'
import type { OpenApi, Operation } from '#support/described-answers.ts'
import { Chance, type FuzzedRequest, fuzzed, type Things } from '#support/fuzzing.ts'
import { basic, type Gatehouse, resourceServer, startGatehouse } from '#support/gatehouse.ts'
import { setupWithMembers } from '#support/key-forms.ts'
import { createKey } from '#support/keys.ts'
import { send } from '#support/wire.ts'

/** Names that no example has, so that where one turns up it was told. */
const names = { acme: 'Quuxotic Holdings', globex: 'Vorpal Industries' }
const setup = setupWithMembers
  .replace('name: Acme Corporation', `name: ${names.acme}`)
  .replace('name: Globex', `name: ${names.globex}`)

let gatehouse: Gatehouse
let document: OpenApi
beforeAll(async () => {
  gatehouse = await startGatehouse({ setup })
  document = (await call(gatehouse, '/openapi.json')).json as unknown as OpenApi
})
afterAll(() => gatehouse.stop())

interface Caller {
  name: string
  headers: () => Promise<Record<string, string>>
  /** The organization that it never learns of. */
  foreign: 'acme' | 'globex' | undefined
}

const bearerOf = async (email: string, organization: string) => {
  const { access } = await newTokens(gatehouse, { email, organization })
  return { authorization: `Bearer ${access}` }
}

const callers: Caller[] = [
  { name: 'a stranger', headers: async () => ({}), foreign: 'globex' },
  { name: 'a member', headers: () => bearerOf('alan@acme.test', 'acme'), foreign: 'globex' },
  { name: 'an administrator', headers: () => bearerOf('grace@globex.test', 'globex'), foreign: 'acme' },
  {
    name: 'a key for administration',
    async headers() {
      const grace = { headers: await bearerOf('grace@globex.test', 'globex') }
      const { key } = await createKey(gatehouse, grace as never, { administration: true })
      return { 'x-api-key': key }
    },
    foreign: 'acme',
  },
  {
    name: 'a service account',
    headers: async () => ({ authorization: `Bearer ${await clientToken(gatehouse.url)}` }),
    foreign: 'globex',
  },
  { name: 'a superadmin', headers: () => bearerOf('root@example.test', 'acme'), foreign: undefined },
]

/** What ends the credentials that the requests are made with, and what waits for passwords to be hashed. */
const leftOut = ['signOut', 'authenticate', 'authenticateAtShortAddress']

const operations = () =>
  Object.entries(document.paths)
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
    )
    .filter(({ operation }) => !leftOut.includes(operation.operationId))
    .sort((one, other) => order(one.method) - order(other.method))

/** What takes away comes last. */
const order = (method: string) => ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].indexOf(method)

/** Ids of both organizations, for every parameter that takes one. */
async function thingsThere(): Promise<Things> {
  const { db } = gatehouse.database
  const ids = async (table: 'teams' | 'users' | 'organizations') =>
    (await db.selectFrom(table).select('id').execute()).map(({ id }) => id)
  const keys = (await db.selectFrom('credentials').select('id').execute()).map(({ id }) => id)
  const [teams, users, organizations] = await Promise.all([ids('teams'), ids('users'), ids('organizations')])
  return {
    org: ['acme', 'globex', ...organizations, 'nowhere'],
    user: [...users, 'ada@acme.test', 'grace@globex.test', 'nobody@example.test'],
    team: [...teams, 'readers', 'auditors'],
    id: [...keys, 'key_00000000000000000000'],
    client_id: ['nightly-export', 'console', 'inventory-api', 'nothing'],
  }
}

function problemsOf(
  { name, foreign }: Caller,
  { path }: FuzzedRequest,
  { operationId }: Operation,
  { status, text, json }: Awaited<ReturnType<typeof call>>,
): string[] {
  const problems: string[] = []
  // A name server, an identity provider or a store may be away; nothing else is nobody's fault.
  if (status >= 500 && !(status === 503 && json.code === 'temporarily_unavailable')) problems.push('fails')
  if (status >= 400 && text.startsWith('{') && typeof (json.code ?? json.error) !== 'string')
    problems.push('has no code')
  if (foreign && text.includes(names[foreign])) problems.push(`tells of ${foreign}`)
  if (foreign && status < 400 && new RegExp(`/organizations/${foreign}(/|$|\\?)`).test(path)) problems.push('lets in')
  return problems.map((problem) => `${operationId} as ${name}: ${problem} (${status} ${path}) ${text.slice(0, 300)}`)
}

test.each(callers)(
  'no request of $name breaks the server, or learns what is another’s',
  { timeout: 240_000 },
  async (caller) => {
    const chance = new Chance(20_270_131 + callers.indexOf(caller))
    const things = await thingsThere()
    const found: string[] = []
    const statuses = new Set<number>()
    let headers = await caller.headers()
    for (const one of operations()) {
      for (let round = 0; round < 6; round++) {
        const request = fuzzed(document, one, things, chance)
        const credential = one.operation.security.some(({ clientBasic }) => clientBasic)
          ? { authorization: basic(resourceServer) }
          : headers
        try {
          const answer = await send(gatehouse, gatehouse.config.port, {
            method: request.method,
            path: request.path,
            headers: { ...request.headers, ...credential },
            ...(request.body !== undefined && { body: request.body }),
          })
          statuses.add(answer.status)
          found.push(...problemsOf(caller, request, one.operation, answer))
          if (answer.status === 401 && Object.keys(headers).length > 0)
            headers = await caller.headers().catch(() => headers)
        } catch (error) {
          found.push(`${one.operation.operationId} as ${caller.name}: ${(error as Error).message.slice(0, 600)}`)
        }
      }
    }
    expect(found).toEqual([])
    // All kinds of requests were among them.
    expect([...statuses]).toEqual(expect.arrayContaining([200, 400, 401, 422]))
  },
)
