import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { call } from '#support/api-requests.ts'
import { clientToken } from '#support/credential-requests.ts'
import { type Gatehouse, resourceServer, serviceAccount, setup, startGatehouse } from '#support/gatehouse.ts'
import { createKey, signInTo } from '#support/keys.ts'
import { type Right, type RouteName, rights, type Who } from '#surfaces/api-kit/rights.ts'

const people = setup
  .replace(
    'organizations:\n',
    '  - { email: carol@acme.test, name: Carol, password: "correct horse battery staple" }\n$&',
  )
  .replace('  - slug: globex\n', '      - { email: carol@acme.test }\n$&')

interface Caller {
  /** What this caller is, of what a right may ask; a key is also one of its kind. */
  is: readonly Who[]
  key?: 'plain' | 'administering'
  /** What they are where they act, which is not Acme. */
  elsewhere?: Who
}

/** Every kind of caller, asking about Acme. */
const callers = {
  'a stranger': { is: ['anyone'] },
  'a member': { is: ['anyone', 'bearer', 'person', 'member'] },
  'an admin': { is: ['anyone', 'bearer', 'person', 'member', 'admin'] },
  "another organization's admin": { is: ['anyone', 'bearer', 'person'], elsewhere: 'admin' },
  'a superadmin': { is: ['anyone', 'bearer', 'person', 'member', 'admin', 'superadmin'] },
  'a service account': { is: ['anyone', 'bearer'] },
  'a resource server': { is: ['anyone', 'bearer'] },
  "an admin's plain key": { is: ['anyone', 'bearer', 'person', 'member', 'admin'], key: 'plain' },
  "an admin's administering key": { is: ['anyone', 'bearer', 'person', 'member', 'admin'], key: 'administering' },
  "a member's plain key": { is: ['anyone', 'bearer', 'person', 'member'], key: 'plain' },
} as const satisfies Record<string, Caller>

type CallerName = keyof typeof callers

/** What the table says: the refusal that a caller gets whatever they ask, or undefined where it goes on from there. */
function refusalOf({ who, keys }: Right, { is, key, elsewhere }: Caller, path: string): number | undefined {
  if (who === 'anyone') return undefined
  if (!is.includes('bearer')) return 401
  if (key && (keys === 'never' || (keys === 'administration' && key === 'plain'))) return 403
  if (is.includes(who) || (elsewhere === who && !path.includes('{org}'))) return undefined
  return (who === 'admin' || who === 'member') && is.includes('person') && !is.includes('member') ? 404 : 403
}

interface Operation {
  name: RouteName
  method: string
  path: string
}

describe('every route as every kind of caller', () => {
  let gatehouse: Gatehouse
  let operations: Operation[]
  let before: Awaited<ReturnType<typeof changes>>
  let headersOf: Record<CallerName, Record<string, string>>
  beforeAll(async () => {
    gatehouse = await startGatehouse({ setup: people })
    const { paths } = (await call(gatehouse, '/openapi.json')).json as {
      paths: Record<string, Record<string, { operationId: string }>>
    }
    operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => ({
        name: operationId as RouteName,
        method: method.toUpperCase(),
        path,
      })),
    )
    const [carol, ada, grace, root] = await Promise.all([
      signInTo(gatehouse, 'acme', 'carol@acme.test'),
      signInTo(gatehouse, 'acme'),
      signInTo(gatehouse, 'globex', 'grace@globex.test'),
      signInTo(gatehouse, 'acme', 'root@example.test'),
    ])
    const keyOf = async (by: typeof ada, administration: boolean) => ({
      'x-api-key': (await createKey(gatehouse, by, { administration })).key,
    })
    const tokenOf = async (client: typeof serviceAccount) => ({
      authorization: `Bearer ${await clientToken(gatehouse.url, {}, client)}`,
    })
    headersOf = {
      'a stranger': {},
      'a member': carol.headers,
      'an admin': ada.headers,
      "another organization's admin": grace.headers,
      'a superadmin': root.headers,
      'a service account': await tokenOf(serviceAccount),
      'a resource server': await tokenOf(resourceServer),
      "an admin's plain key": await keyOf(ada, false),
      "an admin's administering key": await keyOf(ada, true),
      "a member's plain key": await keyOf(carol, false),
    }
    before = await changes()
  })
  afterAll(() => gatehouse.stop())

  const changes = () => gatehouse.database.db.selectFrom('auditLog').select('id').execute()

  /** About nothing that exists, and with a body that no schema takes: whoever may ask learns that, others their refusal. */
  const ask = (by: CallerName, { method, path }: Operation) =>
    call(gatehouse, path.replace('{org}', 'acme').replace(/\{\w+\}/g, 'no-such-thing'), {
      method,
      headers: headersOf[by],
      ...(method !== 'GET' && method !== 'DELETE' && { json: { no_such_field: true } }),
    })

  test('the table has each route of the API, and no other', () => {
    const described = operations.map(({ name }) => name).filter((name) => name in rights)
    expect(described.sort()).toEqual(Object.keys(rights).sort())
  })

  test.each(Object.keys(callers) as CallerName[])('%s gets what the table says', async (by) => {
    // Ending one's own token would end the test.
    for (const operation of operations.filter(({ name }) => name in rights && name !== 'signOut')) {
      const refusal = refusalOf(rights[operation.name], callers[by], operation.path)
      const { status, text } = await ask(by, operation)
      const what = `${by}, ${operation.name}: ${status} ${text}`
      if (refusal !== undefined) expect(status, what).toBe(refusal)
      else if (rights[operation.name].who !== 'anyone') expect([401, 500], what).not.toContain(status)
      if (refusal === undefined && operation.name !== 'verify' && status === 403) {
        // Only what depends on the object may still be refused, never the caller as such.
        expect(text, what).not.toMatch(/Only administrators|Only superadmins|Only a person|An API key can/)
      }
    }
  })

  test('and nothing has changed by all that', async () => expect(await changes()).toEqual(before))
})
