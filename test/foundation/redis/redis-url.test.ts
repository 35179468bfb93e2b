import { expect, test } from 'vitest'
import { parseRedisUrl } from '#foundation/redis/redis-url.ts'

const plain = {
  kind: 'single',
  tls: false,
  nodes: [{ host: 'cache', port: 6379 }],
  username: undefined,
  password: undefined,
  database: 0,
  primaryName: undefined,
  sentinelUsername: undefined,
  sentinelPassword: undefined,
  keyPrefix: 'gatehouse:',
}

test.each([
  ['redis://cache', {}],
  ['redis://cache:7000/3', { nodes: [{ host: 'cache', port: 7000 }], database: 3 }],
  [
    'rediss://me:p%40ss:word@[::1]:7000',
    { tls: true, nodes: [{ host: '::1', port: 7000 }], username: 'me', password: 'p@ss:word' },
  ],
  ['redis://:secret@cache?key_prefix=staging:', { password: 'secret', keyPrefix: 'staging:' }],
  [
    'redis+sentinel://:secret@a:26379,b,c:26380/2?name=mymaster&sentinel_password=other',
    {
      kind: 'sentinel',
      nodes: [
        { host: 'a', port: 26379 },
        { host: 'b', port: 26379 },
        { host: 'c', port: 26380 },
      ],
      password: 'secret',
      database: 2,
      primaryName: 'mymaster',
      sentinelPassword: 'other',
    },
  ],
  [
    'rediss+cluster://a:7000,b:7001',
    {
      kind: 'cluster',
      tls: true,
      nodes: [
        { host: 'a', port: 7000 },
        { host: 'b', port: 7001 },
      ],
    },
  ],
])('REDIS_URL %s is understood', (url, expected) => {
  expect(parseRedisUrl(url)).toEqual({ ...plain, ...expected })
})

test.each([
  ['http://cache', 'must look like'],
  ['redis://', 'must look like'],
  ['redis://a,b', 'several servers'],
  ['redis://cache:secret', 'host or host:port'],
  ['redis://cache:99999', 'host or host:port'],
  ['redis://:secret%zz@cache', 'percent-encoded'],
  ['redis://cache/secret', 'number of a database'],
  ['redis://cache?name=secret', 'known: key_prefix'],
  ['redis+sentinel://a', "primary's name"],
  ['redis+cluster://a/1', 'only number 0'],
])('REDIS_URL %s is refused, repeating nothing of it', (url, message) => {
  expect(() => parseRedisUrl(url)).toThrow(message)
  expect(() => parseRedisUrl(url)).not.toThrow('secret')
})
