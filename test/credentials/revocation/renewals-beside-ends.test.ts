import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { call, databases, newTokens, type Tokens } from '#support/api-requests.ts'
import { askIntrospection, inactive } from '#support/credential-requests.ts'
import { basic, type Gatehouse, resourceServer } from '#support/gatehouse.ts'
import { type SignedIn, signInTo } from '#support/keys.ts'
import { beginSignIn, enterPassword } from '#support/relying-party.ts'
import { type Deployment, deploy, postForm, requestToken } from '#support/wire.ts'

const rounds = 100
const email = 'grace@globex.test'

/**
 * Each round ends something while four requests on two nodes renew what it gave and two ask about it. What is answered
 * after the answer of the end is dead, and whatever a request under way has got hold of, too.
 */
describe.each(databases)('renewals and uses beside an end, on %s', (database) => {
  let deployment: Deployment
  let gatehouse: Gatehouse
  let root: SignedIn
  beforeAll(async () => {
    deployment = await deploy({ name: database, database, redis: false })
    gatehouse = deployment.gatehouse
    root = await signInTo(gatehouse, 'acme', 'root@example.test')
  })
  afterAll(() => deployment.stop())

  const ask = (token: string, port: number) =>
    askIntrospection(gatehouse.url, { authorization: basic(resourceServer) }, `token=${token}`, port)

  /** All access tokens that renewals got, until `end` has answered and they have. */
  async function tokensAround(tokens: Tokens, end: () => Promise<unknown>): Promise<string[]> {
    const got = [tokens.access]
    let refresh = tokens.refresh
    let hasEnded = false
    const renewing = [0, 1].map(async (turn) => {
      for (let port = deployment.ports[turn]!; !hasEnded; port = deployment.ports[(turn + 1) % 2]!) {
        const answer = await requestToken(gatehouse, { grant_type: 'refresh_token', refresh_token: refresh }, { port })
        if (answer.status !== 200) break
        got.push(String(answer.json.access_token))
        refresh = String(answer.json.refresh_token)
      }
    })
    const asking = deployment.ports.map(async (port) => {
      while (!hasEnded) await ask(got.at(-1)!, port)
    })
    await end()
    hasEnded = true
    const atOnce = await Promise.all(got.flatMap((token) => deployment.ports.map((port) => ask(token, port))))
    expect(atOnce.map(({ text }) => text)).toEqual(atOnce.map(() => inactive))
    await Promise.all([...renewing, ...asking])
    return got
  }

  async function expectDead(tokens: readonly string[]): Promise<void> {
    const answers = await Promise.all(tokens.flatMap((token) => deployment.ports.map((port) => ask(token, port))))
    expect(answers.map(({ text }) => text)).toEqual(answers.map(() => inactive))
  }

  async function tokensOfSession(): Promise<{ tokens: Tokens; sessionId: string }> {
    const flow = await beginSignIn(gatehouse.url, {
      parameters: { organization: 'globex', scope: 'openid offline_access' },
    })
    await enterPassword(flow.browser, email)
    const { access_token: access, refresh_token: refresh } = await flow.redeem()
    const { json } = await call(gatehouse, `/v1/sessions?user=${email}`, { headers: root.headers })
    const [latest] = json.items as { id: string }[]
    return { tokens: { access, refresh: refresh! }, sessionId: latest!.id }
  }

  test(`a token that its client revokes, or a session that is ended: nothing is accepted afterwards, ${rounds} times`, async () => {
    for (let round = 0; round < rounds; round++) {
      const { tokens, sessionId } = await tokensOfSession()
      const port = deployment.ports[round % 2]!
      const ends = [
        () => postForm(gatehouse, '/oauth/revoke', { client_id: 'console', token: tokens.access }, { port }),
        () => call(gatehouse, `/v1/sessions/${sessionId}`, { method: 'DELETE', headers: root.headers, port }),
      ]
      await expectDead(await tokensAround(tokens, ends[round % ends.length]!))
    }
  }, 600_000)

  test(`a direct sign-in that signs out: nothing is accepted afterwards, ${rounds} times`, async () => {
    for (let round = 0; round < rounds; round++) {
      const tokens = await newTokens(gatehouse, { email })
      const headers = { authorization: `Bearer ${tokens.access}` }
      const port = deployment.ports[round % 2]!
      const end = () => call(gatehouse, '/v1/auth/sign-out', { method: 'POST', headers, port })
      const asking = deployment.ports.map((one) => ask(tokens.access, one))
      await end()
      await expectDead([tokens.access])
      await Promise.all(asking)
    }
  }, 600_000)
})
