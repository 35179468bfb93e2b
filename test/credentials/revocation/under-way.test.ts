import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Browser } from '#support/browser.ts'
import { password, redirectUri } from '#support/gatehouse.ts'
import { openAccount, textOf } from '#support/signed-in.ts'
import {
  type Answer,
  availableStores,
  type Deployment,
  deploy,
  requestToken,
  type Stores,
  send,
} from '#support/wire.ts'

const loops = 6
const rounds = 5
const codeVerifier = 'a-verifier-that-is-long-enough-for-everybody-43'
const silentRequest = `/oauth/authorize?${new URLSearchParams({
  client_id: 'console',
  response_type: 'code',
  scope: 'openid',
  prompt: 'none',
  organization: 'globex',
  redirect_uri: redirectUri,
  code_challenge: createHash('sha256').update(codeVerifier).digest('base64url'),
  code_challenge_method: 'S256',
})}`

/** What requests under way got hold of, while they went on. */
interface Loot {
  codes: string[]
  tokens: string[]
}

describe.each(availableStores())('what is under way when sessions end, on $name', (store: Stores) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']
  beforeAll(async () => {
    deployment = await deploy(store)
    gatehouse = deployment.gatehouse
  })
  afterAll(() => deployment.stop())

  const email = 'grace@globex.test'
  const open = (path: string, secret = password) =>
    openAccount(gatehouse, { browser: new Browser((target) => target.port === '8080'), email, secret, path })
  const codeOf = ({ headers }: Answer) => new URL(String(headers.location)).searchParams.get('code')
  const redeem = (code: string, port: number) =>
    requestToken(
      gatehouse,
      { grant_type: 'authorization_code', code, code_verifier: codeVerifier, redirect_uri: redirectUri },
      { port },
    )

  /** Goes on asking silently with one browser's cookies on every node, and redeems every other code. */
  function askOn(browser: Browser): { stop: () => Promise<Loot>; begun: Promise<void> } {
    const headers = { cookie: browser.cookiesFor('/oauth/authorize') }
    const loot: Loot = { codes: [], tokens: [] }
    const begun = Promise.withResolvers<void>()
    let going = true
    const running = Array.from({ length: loops }, async (_, index) => {
      const port = deployment.ports[index % deployment.ports.length]!
      do {
        const code = codeOf(await send(gatehouse, port, { path: silentRequest, headers }))
        if (code && index % 2 === 0) loot.codes.push(code)
        else if (code) {
          const { json } = await redeem(code, port)
          if (json.access_token) loot.tokens.push(String(json.access_token))
        }
        if (loot.codes.length > 3 && loot.tokens.length > 3) begun.resolve()
      } while (going)
    })
    return {
      begun: begun.promise,
      async stop() {
        going = false
        await Promise.all(running)
        return loot
      },
    }
  }

  async function isAlive(token: string): Promise<boolean> {
    return (await gatehouse.introspect(token)).json.active === true
  }

  /** @returns the codes that redeem and the tokens that live, all of them got by requests of a session that has ended */
  async function survivorsOf(end: (victim: Browser) => Promise<unknown>, secret: string): Promise<number> {
    const victim = await open('/account/sessions', secret)
    const asking = askOn(victim)
    await asking.begun
    await end(victim)
    const { codes, tokens } = await asking.stop()
    const answers = await Promise.all(codes.map((code, index) => redeem(code, deployment.ports[index % 2]!)))
    const alive = await Promise.all(tokens.map(isAlive))
    return answers.filter(({ status }) => status === 200).length + alive.filter(Boolean).length
  }

  async function survivorsOfRounds(
    end: (victim: Browser) => Promise<unknown>,
    secret = () => password,
  ): Promise<number> {
    let survivors = 0
    for (let round = 0; round < rounds; round++) survivors += await survivorsOf(end, secret())
    return survivors
  }

  test('sign-out leaves no code and no token', async () => {
    expect(await survivorsOfRounds((victim) => victim.submit({}, '/account/sign-out'))).toBe(0)
  }, 120_000)

  test('ending all other sessions leaves no code and no token', async () => {
    const end = async () => (await open('/account/sessions')).submit({}, '/account/sessions/end-others')
    expect(await survivorsOfRounds(end)).toBe(0)
  }, 120_000)

  test('a new password leaves no code and no token', async () => {
    let secret = password
    const end = async () => {
      const browser = await open('/account/security', secret)
      const fields = { current_password: secret, new_password: `another ${secret}` }
      await browser.submit(fields, '/account/security/password')
      expect(textOf(browser, 'changed')).toContain('Your password has been changed')
      secret = fields.new_password
    }
    expect(await survivorsOfRounds(end, () => secret)).toBe(0)
  }, 120_000)
})
