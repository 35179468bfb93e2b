import { afterAll, beforeAll, describe, test } from 'vitest'
import { call, databases, deployOn } from '../api/requests.ts'
import { createKey, signInTo } from '../api-keys/keys.ts'
import type { Deployment } from '../oidc/wire.ts'

describe.each(databases)('%s', (database) => {
  let d: Deployment
  beforeAll(async () => {
    d = await deployOn(database)
  })
  afterAll(() => d.stop())
  test('x', async () => {
    const ada = await signInTo(d.gatehouse, 'acme')
    const key = await createKey(d.gatehouse, ada)
    await d.gatehouse.introspect(key.key)
    const a = await call(d.gatehouse, '/v1/authentication-log', { headers: ada.headers })
    console.log(a.status, JSON.stringify(a.json, null, 1))
    const b = await call(d.gatehouse, '/v1/authentication-log?user=*', {
      headers: { ...ada.headers, accept: 'text/csv' },
    })
    console.log(b.status, b.headers, b.text)
    console.log(
      d.gatehouse.logLines
        .filter((l) => l.includes('"err"'))
        .join('\n')
        .slice(0, 3000),
    )
  })
})
