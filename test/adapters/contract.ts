import { generateKeyPairSync } from 'node:crypto'
import { type Adapter, type AdapterPayload, errors, Provider } from 'oidc-provider'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Queryable } from '#foundation/database/database.ts'
import type { RequestTransaction } from '#foundation/database/request-transaction.ts'

/** One process of the deployment, with connections of its own. */
export interface Node {
  requests: RequestTransaction
  adapter(model: string, route?: string): Adapter
}

/** A store under test. Both nodes share its data; of an embedded database there can be only one, twice. */
export interface StoreUnderTest {
  nodes: [Node, Node]
  db: Queryable
  /** Everything that is stored, keys and values, as text. */
  dump(): Promise<string>
  /** Lets the time of every record pass. */
  expireEverything(): Promise<void>
  close(): Promise<void>
}

const models = ['Session', 'Interaction', 'AuthorizationCode', 'PushedAuthorizationRequest', 'DeviceCode']
const consumable = {
  AuthorizationCode: errors.InvalidGrant,
  PushedAuthorizationRequest: errors.InvalidRequestUri,
  DeviceCode: errors.InvalidGrant,
}

const signingKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })

let lastId = 0

/** What the library makes as an id: 43 characters that occur nowhere else. */
function newId(): string {
  return `Id_${String(++lastId).padStart(6, '0')}-${'x'.repeat(33)}`
}

function payloadOf(model: string, id: string, more: object = {}): AdapterPayload {
  const iat = Math.floor(Date.now() / 1000)
  return { kind: model, jti: id, iat, exp: iat + 60, ...more }
}

/** The rules that every store of protocol state keeps. */
export function protocolStateContract(storeName: string, open: () => Promise<StoreUnderTest>): void {
  describe(`protocol state in ${storeName}`, () => {
    let store: StoreUnderTest
    let one: Node
    let other: Node
    beforeAll(async () => {
      store = await open()
      ;[one, other] = store.nodes
    })
    afterAll(() => store.close())

    async function saved(model: string, more: object = {}): Promise<{ id: string; payload: AdapterPayload }> {
      const id = newId()
      const payload = payloadOf(model, id, more)
      await one.adapter(model).upsert(id, payload, 60)
      return { id, payload }
    }

    describe.each(models)('%s', (model) => {
      test('is found by its id on every node, as it was saved', async () => {
        const { id, payload } = await saved(model, { params: { scope: 'openid', nested: [{ a: null }] } })
        expect(await other.adapter(model).find(id)).toEqual(payload)
        expect(await other.adapter(model).find(newId())).toBeUndefined()
      })

      test('saved again, is what was saved last', async () => {
        const { id, payload } = await saved(model, { grantId: 'first' })
        await other.adapter(model).upsert(id, { ...payload, grantId: 'second' }, 60)
        expect(await one.adapter(model).find(id)).toMatchObject({ grantId: 'second' })
      })

      test('past its exp but not yet removed is still found: the library says what is expired', async () => {
        const id = newId()
        await one.adapter(model).upsert(id, { ...payloadOf(model, id), exp: 1 }, 60)
        expect(await one.adapter(model).find(id)).toMatchObject({ exp: 1 })
      })

      test('keeps U+0000, lone surrogates and private characters, which a request may contain', async () => {
        const odd = { 'k\u0000\ud800': '\u0000 \\u0000 \ue000 \ue0000000 \udc00 😀 \\\u0000 "' }
        const { id } = await saved(model, { params: odd })
        expect(await one.adapter(model).find(id)).toMatchObject({ params: odd })
      })

      test('destroyed, is gone on every node, and a request that began before cannot save it again', async () => {
        const { id, payload } = await saved(model)
        await one.adapter(model).destroy(id)
        expect(await other.adapter(model).find(id)).toBeUndefined()
        await other.adapter(model).upsert(id, payload, 60)
        expect(await other.adapter(model).find(id)).toBeUndefined()
      })

      test('is stored without its id', async () => {
        const { id } = await saved(model)
        expect(await store.dump()).not.toContain(id)
      })

      test('a handle learned from the database opens nothing when a request presents it', async () => {
        const { id } = await saved(model)
        for (const route of [undefined, 'authorization', 'token', 'code_verification', otherHandleRoute(model)]) {
          expect(await one.adapter(model, route).find(await handleOf(id))).toBeUndefined()
        }
      })
    })

    describe('a session', () => {
      test('is found by its uid, under a handle in place of its id, and saved by it', async () => {
        const { id, payload } = await saved('Session', { uid: newId(), accountId: 'usr_1' })
        const found = await other.adapter('Session').findByUid(payload.uid!)
        expect(found).toEqual({ ...payload, jti: await handleOf(id) })
        await other.adapter('Session').upsert(found!.jti!, { ...found, loginTs: 7 } as AdapterPayload, 60)
        expect(await one.adapter('Session').find(id)).toEqual({ ...payload, loginTs: 7 })
        await other.adapter('Session').destroy(found!.jti!)
        expect(await one.adapter('Session').find(id)).toBeUndefined()
        expect(await one.adapter('Session').findByUid(payload.uid!)).toBeUndefined()
      })

      test('changes its id at sign-in and keeps its uid; the old id is dead, whoever saves it late', async () => {
        const sessions = one.adapter('Session')
        const { id, payload } = await saved('Session', { uid: newId() })
        const next = newId()
        await sessions.destroy(id)
        await sessions.upsert(next, { ...payload, jti: next, accountId: 'usr_1' }, 60)
        await other.adapter('Session').upsert(id, payload, 60)
        expect(await other.adapter('Session').find(id)).toBeUndefined()
        expect(await other.adapter('Session').findByUid(payload.uid!)).toMatchObject({ accountId: 'usr_1' })
        expect(await other.adapter('Session').find(next)).toMatchObject({ accountId: 'usr_1' })
      })

      test('moved on by many requests at once, fails none of them and is one session afterwards, with one id', async () => {
        const { id, payload } = await saved('Session', { uid: newId() })
        const moves = Array.from({ length: 20 }, async (_, index) => {
          const sessions = store.nodes[index % 2]!.adapter('Session')
          const next = newId()
          await sessions.destroy(id)
          await sessions.upsert(next, { ...payload, jti: next }, 60)
          return next
        })
        const ids = await Promise.all(moves)
        expect(await one.adapter('Session').findByUid(payload.uid!)).toMatchObject({ uid: payload.uid })
        const found = await Promise.all(ids.map((next) => other.adapter('Session').find(next)))
        expect(found.filter(Boolean)).toHaveLength(1)
      })

      test("found by uid through the library's own model, is saved to the same record", async () => {
        const provider = providerOver(one)
        const session = Object.assign(new provider.Session(), { accountId: 'usr_2' })
        const id = await session.save(600)
        const found = (await provider.Session.findByUid(session.uid))!
        expect(found.jti).toBe(await handleOf(id))
        found.accountId = 'usr_3'
        await found.persist()
        expect(await provider.Session.find(id)).toMatchObject({ accountId: 'usr_3', jti: id })
        found.resetIdentifier()
        await found.persist()
        expect(await provider.Session.find(id)).toBeUndefined()
        expect(await provider.Session.findByUid(session.uid)).toMatchObject({ accountId: 'usr_3' })
      })
    })

    describe('an interaction', () => {
      test('is stored without the session cookie, the request_uri, the device code, and its id in returnTo', async () => {
        const [id, cookie, parJti, deviceCode] = [newId(), newId(), newId(), newId()]
        const returnTo = `https://id.example/oauth/authorize/${id}`
        const session = { accountId: 'usr_1', uid: 'uid', cookie }
        const payload = payloadOf('Interaction', id, { returnTo, session, parJti, deviceCode })
        await one.adapter('Interaction').upsert(id, payload, 60)
        const dump = await store.dump()
        for (const secret of [id, cookie, parJti, deviceCode]) expect(dump).not.toContain(secret)
        const found = await other.adapter('Interaction').find(id)
        expect(found).toMatchObject({
          returnTo,
          parJti: await handleOf(parJti),
          deviceCode: await handleOf(deviceCode),
        })
        expect(found).toHaveProperty('session', { accountId: 'usr_1', uid: 'uid' })
        await one.adapter('Interaction').upsert(id, found as AdapterPayload, 60)
        expect(await one.adapter('Interaction').find(id)).toEqual(found)
      })
    })

    describe('a pushed authorization request', () => {
      const model = 'PushedAuthorizationRequest'

      test('named by an interaction is opened and spent on the route resume, and then refused before sign-in', async () => {
        const { id } = await saved(model)
        const handle = await handleOf(id)
        expect(await one.adapter(model, 'resume').find(handle)).toMatchObject({ jti: handle })
        await one.adapter(model, 'resume').consume(handle)
        expect(await other.adapter(model, 'authorization').find(id)).toMatchObject({ consumed: true })
        await expect(other.adapter(model).consume(id)).rejects.toThrow(errors.InvalidRequestUri)
      })

      test('named by an interaction and lost is refused: the library would go on without spending it', async () => {
        const { id } = await saved(model)
        await store.expireEverything()
        await expect(one.adapter(model, 'resume').find(await handleOf(id))).rejects.toThrow(errors.InvalidRequestUri)
        expect(await one.adapter(model, 'authorization').find(id)).toBeUndefined()
      })
    })

    describe('a device code', () => {
      test('is found by its user code, of which only the hash is stored, also after it was saved without it', async () => {
        const userCode = 'BCDFGHJK'
        const { id, payload } = await saved('DeviceCode', { userCode })
        expect(await store.dump()).not.toContain(userCode)
        const found = await other.adapter('DeviceCode').findByUserCode(userCode)
        expect(found).toEqual({ ...payload, jti: await handleOf(id) })
        const resumed = await other.adapter('DeviceCode', 'device_resume').find(found!.jti!)
        expect(resumed).not.toHaveProperty('userCode')
        await other.adapter('DeviceCode').upsert(found!.jti!, { ...resumed, accountId: 'usr_1' } as AdapterPayload, 60)
        expect(await one.adapter('DeviceCode').find(id)).toMatchObject({ accountId: 'usr_1', jti: id })
        expect(await one.adapter('DeviceCode').findByUserCode(userCode)).toMatchObject({ accountId: 'usr_1', userCode })
        expect(await one.adapter('DeviceCode').findByUserCode('BCDFGHJL')).toBeUndefined()
        await one.adapter('DeviceCode').destroy(id)
        expect(await one.adapter('DeviceCode').findByUserCode(userCode)).toBeUndefined()
      })

      test('is taken up by one of 20 people who enter its user code at once', async () => {
        const userCode = 'CDFGHJKL'
        await saved('DeviceCode', { userCode })
        const attempts = await inParallel(store, async (node) => {
          const found = await node.adapter('DeviceCode').findByUserCode(userCode)
          await node.adapter('DeviceCode').upsert(found!.jti!, { ...found, inFlight: true } as AdapterPayload, 60)
        })
        expectOneWinner(attempts, errors.InvalidRequest)
      })

      test('taken up by one person cannot be refused by another, nor taken up after a refusal', async () => {
        const codes = one.adapter('DeviceCode')
        const refusal = { error: 'access_denied', errorDescription: 'End-User aborted interaction' }
        for (const [first, second] of [
          [{ inFlight: true }, refusal],
          [refusal, { inFlight: true }],
        ]) {
          const { id, payload } = await saved('DeviceCode')
          await codes.upsert(id, { ...payload, ...first } as AdapterPayload, 60)
          await expect(codes.upsert(id, { ...payload, ...second } as AdapterPayload, 60)).rejects.toThrow(
            errors.InvalidRequest,
          )
          expect(await codes.find(id)).toMatchObject(first!)
        }
      })

      test('taken up is approved, or ended with an error, by who took it', async () => {
        const codes = one.adapter('DeviceCode')
        for (const end of [{ accountId: 'usr_1', grantId: 'g' }, { error: 'access_denied' }]) {
          const { id, payload } = await saved('DeviceCode')
          const taken = { ...payload, inFlight: true }
          await codes.upsert(id, taken as AdapterPayload, 60)
          await codes.upsert(id, { ...taken, ...end } as AdapterPayload, 60)
          expect(await codes.find(id)).toMatchObject(end)
        }
      })

      test("goes through the library's own models with a handle in place of its id", async () => {
        const provider = providerOver(one)
        const id = await new provider.DeviceCode({ clientId: 'c', userCode: 'DFGHJKLM', expiresIn: 60 } as never).save()
        const found = (await provider.DeviceCode.findByUserCode('DFGHJKLM'))!
        found.inFlight = true
        await found.save()
        expect(await provider.DeviceCode.find(found.jti)).toBeUndefined()
        const resumed = (await providerOver(one, 'device_resume').DeviceCode.find(found.jti))!
        expect(resumed).toMatchObject({ inFlight: true, jti: await handleOf(id) })
        resumed.accountId = 'usr_1'
        await resumed.save()
        const polled = (await provider.DeviceCode.find(id))!
        expect(polled).toMatchObject({ accountId: 'usr_1', jti: id })
        await polled.consume()
        await expect(polled.consume()).rejects.toThrow(errors.InvalidGrant)
      })
    })

    describe.each(Object.entries(consumable))('%s is spent once', (model, Refusal) => {
      test('of 20 requests on two nodes, each with its own transaction, one wins; the others are refused', async () => {
        const grantId = await insertGrant(store.db)
        const { id } = await saved(model, { grantId })
        const attempts = await inParallel(store, (node) =>
          refusedButCommitted(node, () => node.adapter(model).consume(id)),
        )
        expectOneWinner(attempts, Refusal)
        const revoked = await isRevoked(store.db, grantId)
        // RFC 9700 §2.1.1: a code that is used twice has leaked, and what it gave is dead.
        expect(revoked).toBe(model !== 'PushedAuthorizationRequest')
      })

      test('spent once only, it revokes nothing', async () => {
        const grantId = await insertGrant(store.db)
        const { id } = await saved(model, { grantId })
        await one.adapter(model).consume(id)
        expect(await isRevoked(store.db, grantId)).toBe(false)
      })

      test('is not spent when the transaction around it is rolled back', async () => {
        const { id } = await saved(model)
        const spentInVain = one.requests.run(async () => {
          await one.adapter(model).consume(id)
          throw new Error('the node ran into something')
        })
        await expect(spentInVain).rejects.toThrow('the node ran into something')
        expect(await one.adapter(model).find(id)).not.toHaveProperty('consumed')
        await other.adapter(model).consume(id)
        await expect(one.adapter(model).consume(id)).rejects.toThrow(Refusal)
      })

      test('is not un-spent by saving it again, nor by losing the record', async () => {
        const { id, payload } = await saved(model)
        await one.adapter(model).consume(id)
        await one.adapter(model).upsert(id, payload, 60)
        await expect(one.adapter(model).consume(id)).rejects.toThrow(Refusal)
        await store.expireEverything()
        await expect(one.adapter(model).consume(id)).rejects.toThrow(Refusal)
      })

      test('is refused a life longer than the mark of its spending is kept', async () => {
        await expect(one.adapter(model).upsert(newId(), payloadOf(model, 'id'), 3601)).rejects.toThrow('an hour')
      })
    })

    test.each(models)('%s is gone when its time is over', async (model) => {
      const { id, payload } = await saved(model, { uid: newId(), userCode: newId() })
      await store.expireEverything()
      expect(await one.adapter(model).find(id)).toBeUndefined()
      expect(await one.adapter(model).findByUid(payload.uid!)).toBeUndefined()
      expect(await one.adapter(model).findByUserCode(payload.userCode!)).toBeUndefined()
    })
  })
}

/** What is stored in place of an id elsewhere, and what a thief of the database would have. */
async function handleOf(id: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(id))
  return `sha256:${Buffer.from(digest).toString('hex')}`
}

/** The route on which another model's handle is opened. */
function otherHandleRoute(model: string): string {
  return model === 'DeviceCode' ? 'resume' : model === 'PushedAuthorizationRequest' ? 'device_resume' : 'resume'
}

async function inParallel(
  { nodes }: StoreUnderTest,
  attempt: (node: Node) => Promise<unknown>,
): Promise<PromiseSettledResult<unknown>[]> {
  return Promise.allSettled(Array.from({ length: 20 }, (_, index) => attempt(nodes[index % 2]!)))
}

function expectOneWinner(attempts: PromiseSettledResult<unknown>[], Refusal: new (...args: never[]) => Error): void {
  const refused = attempts.filter((attempt) => attempt.status === 'rejected')
  expect(attempts.length - refused.length).toBe(1)
  for (const { reason } of refused) expect(reason).toBeInstanceOf(Refusal)
}

/** As at the token endpoint: an OAuth error is an answer, and the transaction is committed before it leaves. */
async function refusedButCommitted(node: Node, work: () => Promise<unknown>): Promise<void> {
  const refusal = await node.requests.run(() =>
    work().then(
      () => undefined,
      (error: unknown) => error,
    ),
  )
  if (refusal) throw refusal
}

async function insertGrant(db: Queryable): Promise<string> {
  const id = `grant_${++lastId}`
  const [clientId, userId, organizationId] = [`client_${id}`, `usr_${id}`, `org_${id}`]
  await db.insertInto('clients').values({ clientId, clientName: 'Client', revision: '1' }).execute()
  await db
    .insertInto('users')
    .values({ id: userId, email: `${id}@example.test`, name: 'User' })
    .execute()
  const slug = id.replace('_', '-')
  await db.insertInto('organizations').values({ id: organizationId, slug, name: 'Organization' }).execute()
  const expiresAt = new Date(Date.now() + 60_000)
  await db
    .insertInto('oauthGrants')
    .values({ id, clientId, userId, organizationId, payload: '{}', expiresAt })
    .execute()
  return id
}

async function isRevoked(db: Queryable, grantId: string): Promise<boolean> {
  const grant = await db
    .selectFrom('oauthGrants')
    .select('revokedAt')
    .where('id', '=', grantId)
    .executeTakeFirstOrThrow()
  return grant.revokedAt !== null
}

function providerOver(node: Node, route?: string): Provider {
  return new Provider('https://id.example', {
    adapter: (model: string) => node.adapter(model, route),
    cookies: { keys: ['key'] },
    jwks: { keys: [signingKey] },
    features: { devInteractions: { enabled: false }, deviceFlow: { enabled: true } },
    ttl: { Session: 600, DeviceCode: 600 },
  })
}
