import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askIntrospection, clientToken, inactive } from '#support/credential-requests.ts'
import { availableDatabases } from '#support/databases.ts'
import { basic, type Gatehouse, jwtResourceServer, resourceServer, startGatehouse } from '#support/gatehouse.ts'
import { signIn } from '#support/relying-party.ts'

/** What many ask at one moment is looked up together; each is told what it would be told alone. */
describe.each(availableDatabases())('questions of many at one moment, on %s', (kind) => {
  let gatehouse: Gatehouse
  let questions: { authorization: string; token: string }[]
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database: kind })
    const { tokens } = await signIn(gatehouse.url, { parameters: { organization: 'acme' } })
    const account = await clientToken(gatehouse.url)
    const known = [tokens.access_token, tokens.refresh_token!, account]
    const callers = [resourceServer, jwtResourceServer].map(basic)
    questions = callers.flatMap((authorization) =>
      [...known, `${tokens.access_token}x`, 'no token of ours!'].map((token) => ({ authorization, token })),
    )
  })
  afterAll(() => gatehouse.stop())

  const ask = ({ authorization, token }: { authorization: string; token: string }) =>
    askIntrospection(gatehouse.url, { authorization }, `token=${encodeURIComponent(token)}`)

  test('get the answers that each gets alone', async () => {
    const alone: string[] = []
    for (const question of questions) alone.push((await ask(question)).text)
    expect(alone.filter((text) => text !== inactive).length).toBeGreaterThanOrEqual(3)
    expect(new Set(alone).size).toBeGreaterThanOrEqual(3)
    for (let round = 0; round < 20; round++) {
      const order = Array.from({ length: 80 }, (_, n) => (n * 7 + round) % questions.length)
      const answers = await Promise.all(order.map((index) => ask(questions[index]!)))
      expect(answers.map(({ text }) => text)).toEqual(order.map((index) => alone[index]))
    }
  })
})
