import argon2 from 'argon2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { authenticate } from '#support/api-requests.ts'
import { availableDatabases } from '#support/databases.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'

const password = 'a password from elsewhere'
const dear = { type: argon2.argon2id, memoryCost: 65_536, timeCost: 8, parallelism: 1 } as const

describe.each(availableDatabases())('a refused password, on %s,', (database) => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database })
    const passwordHash = await argon2.hash(password, dear)
    await gatehouse.database.db
      .updateTable('users')
      .set({ passwordHash })
      .where('email', '=', 'grace@globex.test')
      .execute()
    // A cheap one beside it, of another form and without parameters where argon2 has them.
    await gatehouse.database.db
      .updateTable('users')
      .set({ passwordHash: '$2b$04$N9qo8uLOickgx2ZMRZoMyeNK8zsWBMaMSVoubqovVQN3ypdVzHwOW' })
      .where('email', '=', 'nobody@example.test')
      .execute()
  })
  afterAll(() => gatehouse.stop())

  const refused = (email: string) => authenticate(gatehouse, { email, password: 'wrong password' })

  test('looks the same whatever hash the address has', async () => {
    const addresses = ['ada@acme.test', 'grace@globex.test', 'nobody@example.test', 'nobody@acme.test']
    const answers = await Promise.all(addresses.map(refused))
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
  })

  test('is answered only when the dearest hash that anyone has would have been compared', async () => {
    // The right one begins later, waits for its turn behind the unknown one, and is there first.
    const arrived: string[] = []
    await Promise.all([
      refused('nobody@acme.test').then(({ status }) => arrived.push(`unknown ${status}`)),
      authenticate(gatehouse, { email: 'ada@acme.test', organization: 'acme' }).then(({ status }) =>
        arrived.push(`right ${status}`),
      ),
    ])
    expect(arrived).toEqual(['right 200', 'unknown 401'])
  })
})
