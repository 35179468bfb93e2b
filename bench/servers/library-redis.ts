import { Redis } from 'ioredis'
import type { Adapter, AdapterPayload } from 'oidc-provider'

const grantable = ['AccessToken', 'AuthorizationCode', 'RefreshToken']
const consumable = ['AuthorizationCode', 'RefreshToken']

/** oidc-provider's records in Redis, command by command as the library's own example of an adapter keeps them. */
export function redisAdapters(url: string) {
  const redis = new Redis(url, { keyPrefix: 'oidc:' })

  return class RedisAdapter implements Adapter {
    readonly #model: string
    readonly #isConsumable: boolean

    constructor(model: string) {
      this.#model = model
      this.#isConsumable = consumable.includes(model)
    }

    async upsert(id: string, payload: AdapterPayload, expiresIn: number): Promise<void> {
      const key = this.#keyOf(id)
      const commands = redis.multi()
      if (this.#isConsumable) commands.hmset(key, { payload: JSON.stringify(payload) })
      else commands.set(key, JSON.stringify(payload))
      if (expiresIn) commands.expire(key, expiresIn)
      if (grantable.includes(this.#model) && payload.grantId) {
        const grantKey = `grant:${payload.grantId}`
        commands.rpush(grantKey, key)
        // A grant's list lives as long as the longest of what it gave.
        if (expiresIn > (await redis.ttl(grantKey))) commands.expire(grantKey, expiresIn)
      }
      if (payload.uid) {
        commands.set(`uid:${payload.uid}`, id)
        commands.expire(`uid:${payload.uid}`, expiresIn)
      }
      await commands.exec()
    }

    async find(id: string): Promise<AdapterPayload | undefined> {
      if (!this.#isConsumable) {
        const text = await redis.get(this.#keyOf(id))
        return text ? JSON.parse(text) : undefined
      }
      const { payload, ...rest } = await redis.hgetall(this.#keyOf(id))
      return payload ? { ...rest, ...JSON.parse(payload) } : undefined
    }

    async findByUid(uid: string): Promise<AdapterPayload | undefined> {
      const id = await redis.get(`uid:${uid}`)
      return id ? this.find(id) : undefined
    }

    findByUserCode = async () => undefined

    async consume(id: string): Promise<void> {
      await redis.hset(this.#keyOf(id), 'consumed', Math.floor(Date.now() / 1000))
    }

    async destroy(id: string): Promise<void> {
      await redis.del(this.#keyOf(id))
    }

    async revokeByGrantId(grantId: string): Promise<void> {
      const keys = await redis.lrange(`grant:${grantId}`, 0, -1)
      await redis.del(...keys, `grant:${grantId}`)
    }

    #keyOf(id: string): string {
      return `${this.#model}:${id}`
    }
  }
}
