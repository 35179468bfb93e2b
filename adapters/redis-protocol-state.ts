import type { Adapter } from 'oidc-provider'
import type { Queryable } from '#foundation/database/database.ts'
import type { RedisClient } from '#foundation/redis/redis.ts'
import { type ProtocolStateStore, protocolStateAdapter, type StoredState, spentMark } from './protocol-state.ts'

/**
 * Keeps protocol state in Redis, under `<Model>:<SHA-256 of the id>`, each key with its lifetime. What may happen once
 * is decided in the database all the same: see `protocolStateAdapter`.
 * @param options.db the current request's transaction, or the database; see `postgresProtocolState`
 */
export function redisProtocolState(options: {
  db: () => Queryable
  redis: RedisClient
  route?: () => string | undefined
}): (model: string) => Adapter {
  return (model) => protocolStateAdapter(model, redisStore(model, options), options)
}

/** Stands in place of a removed record until it would have expired, so that it can't be written again. */
const removed = 'removed'

/** One key, so that it runs on the one node of a cluster that holds it. */
const writeUnlessRemoved = `
  if redis.call('get', KEYS[1]) == '${removed}' then return 0 end
  redis.call('set', KEYS[1], ARGV[1], 'EX', ARGV[2])
  return 1`

/** Reads one record, by the hash of its id in hex. */
export function redisStateReader(redis: RedisClient) {
  return async (model: string, idHash: string): Promise<StoredState | undefined> => {
    const text = await redis.get(recordKeyOf(model, idHash))
    return text === null || text === removed ? undefined : { idHash, payload: JSON.parse(text) }
  }
}

function recordKeyOf(model: string, idHash: string): string {
  return `${model}:${idHash}`
}

function redisStore(model: string, { db, redis }: { db: () => Queryable; redis: RedisClient }): ProtocolStateStore {
  const recordKey = (idHash: string) => recordKeyOf(model, idHash)
  const uidKey = (uid: string) => `${model}:uid:${uid}`
  const userCodeKey = (hash: string) => `${model}:user-code:${hash}`

  const readState = redisStateReader(redis)
  const read = (idHash: string) => readState(model, idHash)

  async function readThrough(index: string): Promise<StoredState | undefined> {
    const idHash = await redis.get(index)
    return idHash === null ? undefined : read(idHash)
  }

  /** One uid is one session: of two requests that moved it on, the later one's id is left. */
  async function takeUid(uid: string, idHash: string, keepSeconds: number): Promise<void> {
    const previous = await redis.set(uidKey(uid), idHash, 'EX', keepSeconds, 'GET')
    if (previous !== null && previous !== idHash) await remove(previous)
  }

  async function remove(idHash: string): Promise<void> {
    await redis.set(recordKey(idHash), removed, 'KEEPTTL', 'XX')
  }

  return {
    async write(idHash, { payload, uid, userCodeHash }, keepSeconds) {
      const written = await redis.eval(writeUnlessRemoved, 1, recordKey(idHash), JSON.stringify(payload), keepSeconds)
      if (!written) return
      if (uid !== undefined) await takeUid(uid, idHash, keepSeconds)
      if (userCodeHash !== undefined) await redis.set(userCodeKey(userCodeHash), idHash, 'EX', keepSeconds)
    },

    async read(idHash) {
      const state = await read(idHash)
      // A used request_uri is refused before the sign-in page; a code finds out when it is redeemed.
      if (!state || model !== 'PushedAuthorizationRequest' || !(await isSpent(db(), model, idHash))) return state
      return { idHash, payload: { ...state.payload, consumed: true } }
    },

    readByUid: (uid) => readThrough(uidKey(uid)),
    readByUserCode: (hash) => readThrough(userCodeKey(hash)),
    remove,
  }
}

async function isSpent(db: Queryable, model: string, idHash: string): Promise<boolean> {
  const spent = await db
    .selectFrom('singleUses')
    .select('hash')
    .where('hash', '=', spentMark(model, idHash))
    .executeTakeFirst()
  return spent !== undefined
}
