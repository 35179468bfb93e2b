import { sql } from 'kysely'
import { describe, test } from 'vitest'
import { postgresProtocolState } from '#adapters/postgres-protocol-state.ts'
import { redisProtocolState } from '#adapters/redis-protocol-state.ts'
import type { Database, Queryable } from '#foundation/database/database.ts'
import { requestTransactions } from '#foundation/database/request-transaction.ts'
import { connectRedis, type RedisClient } from '#foundation/redis/redis.ts'
import {
  availableDatabases,
  type DatabaseKind,
  openTestDatabase,
  openTestRedis,
  redisAvailable,
} from '#support/databases.ts'
import { type Node, protocolStateContract, type StoreUnderTest } from './contract.ts'

for (const kind of availableDatabases()) protocolStateContract(kind, () => openDatabaseStore(kind))

if (redisAvailable()) protocolStateContract('redis', openRedisStore)
else describe.skip('protocol state in redis', () => test('no Redis on this machine'))

async function openDatabaseStore(kind: DatabaseKind): Promise<StoreUnderTest> {
  const database = await openTestDatabase(kind)
  const node = ({ db }: Database): Node => {
    const requests = requestTransactions(db)
    return {
      requests,
      adapter: (model, route) => postgresProtocolState({ db: requests.db, route: () => route })(model),
    }
  }
  return {
    nodes: [node(database), node(kind === 'postgres' ? await database.openAnotherNode() : database)],
    db: database.db,
    dump: () => dumpTables(database.db),
    async expireEverything() {
      await database.db
        .updateTable('protocolState')
        .set({ expiresAt: new Date(0) })
        .execute()
    },
    close: database.close,
  }
}

async function openRedisStore(): Promise<StoreUnderTest> {
  const database = await openTestDatabase()
  const testRedis = openTestRedis()
  const clients: RedisClient[] = []
  const node = async ({ db }: Database): Promise<Node> => {
    const requests = requestTransactions(db)
    const redis = await connectRedis(testRedis.redisUrl, { onError: (error) => console.error(error) })
    clients.push(redis)
    return {
      requests,
      adapter: (model, route) => redisProtocolState({ db: requests.db, redis, route: () => route })(model),
    }
  }
  const other = database.embedded ? database : await database.openAnotherNode()
  const nodes: [Node, Node] = [await node(database), await node(other)]
  const redis = clients[0]!
  const { keyPrefix } = testRedis
  return {
    nodes,
    db: database.db,
    dump: async () => (await dumpTables(database.db)) + (await dumpRedis(redis, keyPrefix)),
    expireEverything: async () => expireRedis(redis, keyPrefix),
    async close() {
      for (const client of clients) client.disconnect()
      await testRedis.drop()
      await database.close()
    },
  }
}

async function dumpTables(db: Queryable): Promise<string> {
  const { rows } = await sql`select p.*, p::text as record from protocol_state as p`.execute(db)
  const { rows: uses } = await sql`select s::text as record from single_uses as s`.execute(db)
  return JSON.stringify([rows, uses])
}

async function keysOf(redis: RedisClient, keyPrefix: string): Promise<string[]> {
  return (await redis.keys(`${keyPrefix}*`)).map((key) => key.slice(keyPrefix.length))
}

async function dumpRedis(redis: RedisClient, keyPrefix: string): Promise<string> {
  const keys = await keysOf(redis, keyPrefix)
  const values = await Promise.all(keys.map((key) => redis.get(key)))
  return JSON.stringify([keys, values])
}

/** @throws when a key was made without a lifetime: it would stay for ever */
async function expireRedis(redis: RedisClient, keyPrefix: string): Promise<void> {
  for (const key of await keysOf(redis, keyPrefix)) {
    if ((await redis.ttl(key)) < 1) throw new Error(`${key} has no lifetime`)
    await redis.del(key)
  }
}
