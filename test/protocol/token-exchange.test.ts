import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { confidentialClient, redirectUri, serviceAccount } from '#support/gatehouse.ts'
import { beginSignIn, signIn } from '#support/relying-party.ts'
import {
  type Answer,
  allAtOnce,
  availableStores,
  type Deployment,
  deploy,
  isActive,
  requestToken,
  type Secret,
  type Stores,
} from '#support/wire.ts'

// Hundreds of sign-ins and requests, where other tests keep the processors busy.
vi.setConfig({ testTimeout: 240_000 })

describe.each(availableStores())('token requests that share their statements on $name', (store: Stores) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']
  let browser: Awaited<ReturnType<typeof signIn>>['browser']
  beforeAll(async () => {
    deployment = await deploy(store)
    gatehouse = deployment.gatehouse
    browser = (await signIn(gatehouse.url, { email: 'grace@globex.test' })).browser
  })
  afterAll(() => deployment.stop())

  const rounds = store.database === 'postgres' && !store.redis ? 50 : 8

  const refresh = (token: string, more: Record<string, string> = {}, port?: number) =>
    requestToken(gatehouse, { grant_type: 'refresh_token', refresh_token: token, ...more }, { ...(port && { port }) })

  const askForItself = (as: Secret, port?: number) =>
    requestToken(gatehouse, { grant_type: 'client_credentials' }, { as, ...(port && { port }) })

  async function newRefreshToken(as?: Secret): Promise<string> {
    const { tokens } = await signIn(gatehouse.url, { ...as, browser })
    return tokens.refresh_token!
  }

  async function newCode() {
    const flow = await beginSignIn(gatehouse.url, { browser })
    const code = new URL(flow.browser.page.url).searchParams.get('code')!
    return {
      grant_type: 'authorization_code',
      code,
      code_verifier: flow.codeVerifier,
      redirect_uri: redirectUri,
    }
  }

  const succeeded = (answers: Answer[]) => answers.filter(({ status }) => status === 200)
  const textOf = ({ json }: Answer, member: 'access_token' | 'refresh_token') => String(json[member])

  test(`of two nodes that redeem one code, ${rounds} times, one gets the tokens, and the replay ends them`, async () => {
    for (let round = 0; round < rounds; round++) {
      const code = await newCode()
      const answers = await allAtOnce(2, deployment.ports, (port) => requestToken(gatehouse, code, { port }))
      const [won, ...more] = succeeded(answers)
      expect(more).toEqual([])
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 400])
      expect(await isActive(gatehouse, textOf(won!, 'access_token'))).toBe(false)
      expect(await isActive(gatehouse, textOf(won!, 'refresh_token'))).toBe(false)
    }
  })

  test(`of two nodes that are asked to refresh by one token, ${rounds} times, both give the same answer`, async () => {
    let token = await newRefreshToken()
    for (let round = 0; round < rounds; round++) {
      const answers = await allAtOnce(2, deployment.ports, (port) => refresh(token, {}, port))
      expect(answers.map(({ status }) => status)).toEqual([200, 200])
      expect(answers[0]!.text).toBe(answers[1]!.text)
      token = textOf(answers[0]!, 'refresh_token')
    }
    expect(await isActive(gatehouse, token)).toBe(true)
  })

  test('tokens of many people, refreshed at once and each twice, are told apart', async () => {
    const tokens: string[] = []
    for (let n = 0; n < 8; n++) tokens.push(await newRefreshToken())
    const answers = await allAtOnce(32, deployment.ports, (port, n) => refresh(tokens[n % 8]!, {}, port))
    expect(answers.map(({ status }) => status)).toEqual(Array(32).fill(200))
    for (const [n, { text }] of answers.entries()) expect(text).toBe(answers[n % 8]!.text)
    expect(new Set(answers.map(({ text }) => text)).size).toBe(8)
    for (const answer of answers.slice(0, 8)) {
      expect(await isActive(gatehouse, textOf(answer, 'refresh_token'))).toBe(true)
    }
  })

  test('a request that cannot be written takes none of those along that are written beside it', async () => {
    const { db } = gatehouse.database
    await sql`create function fail() returns trigger language plpgsql as $$ begin raise 'disk full'; end $$`.execute(db)
    await sql`create trigger fail before insert on credentials for each row
      when (new.client_id = ${sql.lit(confidentialClient.clientId)}) execute function fail()`.execute(db)
    const token = await newRefreshTokenBefore()
    try {
      const answers = await allAtOnce(40, deployment.ports, (port, n) =>
        n % 10 === 0
          ? requestToken(
              gatehouse,
              { grant_type: 'refresh_token', refresh_token: token },
              { as: confidentialClient, port },
            )
          : askForItself(serviceAccount, port),
      )
      for (const [n, { status }] of answers.entries()) expect(status).toBe(n % 10 === 0 ? 500 : 200)
      for (const answer of succeeded(answers)) {
        expect(await isActive(gatehouse, textOf(answer, 'access_token'))).toBe(true)
      }
    } finally {
      await sql`drop function fail cascade`.execute(db)
    }
    const fields = { grant_type: 'refresh_token', refresh_token: token }
    expect((await requestToken(gatehouse, fields, { as: confidentialClient })).status).toBe(200)

    /** Its own insertion has to come before the trigger. */
    async function newRefreshTokenBefore(): Promise<string> {
      await sql`alter table credentials disable trigger fail`.execute(db)
      const issued = await newRefreshToken(confidentialClient)
      await sql`alter table credentials enable trigger fail`.execute(db)
      return issued
    }
  })

  test('a token asked for a resource that nobody registered is refused, and the refresh token works on', async () => {
    const token = await newRefreshToken()
    const refused = await refresh(token, { resource: 'https://nowhere.example' })
    expect(refused).toMatchObject({ status: 400, json: { error: 'invalid_target' } })
    expect((await refresh(token)).status).toBe(200)
  })

  /** Each of its own name: refusals are counted by it. */
  const newClient = (name: string) => ({ clientId: name, clientSecret: 'short-lived-secret-0123456789' })
  const register = (shortLived: Secret) =>
    gatehouse.apply(`clients:
  - client_id: ${shortLived.clientId}
    client_secret: ${shortLived.clientSecret}
    grant_types: [client_credentials, authorization_code, refresh_token]
    redirect_uris: ['${redirectUri}']
    organization: acme
    first_party: true`)
  const unregister = (shortLived: Secret) =>
    gatehouse.database.db.deleteFrom('clients').where('clientId', '=', shortLived.clientId).execute()
  const rowsLeft = (shortLived: Secret) =>
    gatehouse.database.db.selectFrom('credentials').select('id').where('clientId', '=', shortLived.clientId).execute()

  test('a service account that is deleted while it asks gets tokens that go with it, or none, and no server error', async () => {
    for (let round = 0; round < 8; round++) {
      const shortLived = newClient(`short-lived-${round}`)
      await register(shortLived)
      const [answers] = await Promise.all([
        allAtOnce(24, deployment.ports, (port) => askForItself(shortLived, port)),
        unregister(shortLived),
      ])
      for (const { status } of answers) expect([200, 401]).toContain(status)
      expect(await rowsLeft(shortLived)).toEqual([])
      await register(shortLived)
      for (const answer of succeeded(answers)) {
        expect(await isActive(gatehouse, textOf(answer, 'access_token'))).toBe(false)
      }
      expect((await askForItself(shortLived)).status).toBe(200)
    }
  })

  test('a client that is deleted while it refreshes leaves no token behind that its successor could use', async () => {
    for (let round = 0; round < 4; round++) {
      const shortLived = newClient(`short-lived-app-${round}`)
      await register(shortLived)
      const tokens: string[] = []
      for (let n = 0; n < 4; n++) tokens.push(await newRefreshToken(shortLived))
      const [answers] = await Promise.all([
        allAtOnce(4, deployment.ports, (port, n) =>
          requestToken(gatehouse, { grant_type: 'refresh_token', refresh_token: tokens[n]! }, { as: shortLived, port }),
        ),
        unregister(shortLived),
      ])
      for (const { status } of answers) expect([200, 400, 401]).toContain(status)
      expect(await rowsLeft(shortLived)).toEqual([])
      await register(shortLived)
      for (const token of [...tokens, ...succeeded(answers).map((answer) => textOf(answer, 'refresh_token'))]) {
        const fields = { grant_type: 'refresh_token', refresh_token: token }
        expect((await requestToken(gatehouse, fields, { as: shortLived })).status).toBe(400)
      }
    }
  })

  test('a person who is deleted takes every token along', async () => {
    await gatehouse.apply(`users: [{ email: passing@globex.test, password: 'correct horse battery staple' }]
organizations: [{ slug: globex, members: [{ email: passing@globex.test }] }]`)
    const { tokens } = await signIn(gatehouse.url, { email: 'passing@globex.test' })
    const { db } = gatehouse.database
    const [answer] = await Promise.all([
      refresh(tokens.refresh_token!),
      db.deleteFrom('users').where('email', '=', 'passing@globex.test').execute(),
    ])
    expect([200, 400]).toContain(answer.status)
    const issued = [tokens.access_token, tokens.refresh_token!, answer.json.access_token, answer.json.refresh_token]
    for (const token of issued.filter((token) => token !== undefined)) {
      expect(await isActive(gatehouse, String(token))).toBe(false)
    }
    const { rows } = await sql`select from credentials c where c.user_id is not null
      and not exists (select from users where id = c.user_id)`.execute(db)
    expect(rows).toEqual([])
  })
})
