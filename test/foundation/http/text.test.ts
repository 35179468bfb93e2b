import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { availableDatabases } from '#support/databases.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { createKey, type SignedIn, signInTo } from '#support/keys.ts'
import { send } from '#support/wire.ts'

describe.each(availableDatabases())('what a field of text may hold, on %s', (database) => {
  let gatehouse: Gatehouse
  let ada: SignedIn
  let key: string
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database })
    ada = await signInTo(gatehouse, 'acme')
    key = (await createKey(gatehouse, ada)).id
  })
  afterAll(() => gatehouse.stop())

  const ask = (method: string, path: string, body: string) =>
    send(gatehouse, gatehouse.config.port, {
      method,
      path,
      headers: { authorization: `Bearer ${ada.token}`, 'content-type': 'application/json' },
      body,
    })

  const fields = (value: string): [method: string, path: string, body: string][] => [
    ['PATCH', `/v1/api-keys/${key}`, `{"description":"${value}"}`],
    ['PATCH', `/v1/api-keys/${key}`, `{"name":"x${value}"}`],
    ['POST', '/v1/api-keys', `{"name":"x","expires_in_days":7,"description":"${value}"}`],
    ['POST', '/v1/api-keys', `{"name":"x","expires_in_days":7,"data_scopes":[{"source":"${value}","scope_id":null}]}`],
    ['POST', '/v1/api-keys', `{"name":"x","expires_in_days":7,"data_scopes":[{"source":"a","scope_id":"${value}"}]}`],
    ['POST', '/v1/api-keys', `{"name":"x","expires_in_days":7,"user":"${value}"}`],
    ['POST', '/v1/auth/authenticate', `{"email":"ada@acme.test","password":"x","organization":"a${value}"}`],
    ['POST', '/v1/organizations/acme/connections', `{"name":"x","type":"google","client_id":"a${value}"}`],
  ]

  test.each([String.raw`a\u0000b`, String.raw`\ud800`, String.raw`\udc00x`, String.raw`a\u0007`])(
    '%s is refused in every one',
    async (value) => {
      const answers = await Promise.all(
        fields(value).map(async ([method, path, body]) => [path, body, (await ask(method, path, body)).status]),
      )
      const refused = fields(value).map(([, path, body]) => [
        path,
        body,
        body.includes('"user"') ? expect.any(Number) : 422,
      ])
      expect(answers).toEqual(refused)
      for (const [, , status] of answers) expect(status).toBeLessThan(500)
    },
  )

  test('a whole pair of surrogates is a character', async () => {
    const answer = await ask('PATCH', `/v1/api-keys/${key}`, String.raw`{"description":"\ud83d\ude00"}`)
    expect([answer.status, answer.json.description]).toEqual([200, '😀'])
  })

  test('a member that stands there twice is refused, also by another spelling of its name', async () => {
    for (const body of [
      '{"name":"a","name":"b"}',
      String.raw`{"name":"a","n\u0061me":"b"}`,
      '{"description":"{\\"name\\":1}","name":"a" , "name" :"b"}',
      '{"x":[{"a":1,"a":1}]}',
    ]) {
      expect((await ask('PATCH', `/v1/api-keys/${key}`, body)).status).toBe(400)
    }
    const fine = '{"description":"name: \\"name\\":, {}[]","name":"name"}'
    expect((await ask('PATCH', `/v1/api-keys/${key}`, fine)).status).toBe(200)
  })

  test('a name that would be dropped in silence is refused', async () => {
    const body = `{"name":"x","type":"google","client_id":"a","client_secret":"s","group_claim":"g","group_teams":{"__proto__":"readers"}}`
    const answer = await ask('POST', '/v1/organizations/acme/connections', body)
    expect([answer.status, JSON.stringify(answer.json.errors)]).toEqual([422, expect.stringContaining('__proto__')])
  })

  test('a domain is ASCII before its case is folded, and its labels are of DNS', async () => {
    const claim = (domain: string) => ask('POST', '/v1/organizations/acme/domains', JSON.stringify({ domain }))
    expect((await claim('\u212aa.example.org')).status).toBe(422)
    expect((await claim(`${'a'.repeat(64)}.example.org`)).status).toBe(422)
    expect((await claim(`${'a'.repeat(63)}.Example.org`)).status).toBeLessThan(300)
  })

  test('a time with a long fraction is no server error', async () => {
    const time = `2026-01-01T00:00:00.${'1'.repeat(200)}Z`
    const cursor = Buffer.from(JSON.stringify([time, '1'])).toString('base64url')
    const log = '/v1/authentication-log'
    for (const path of [
      `${log}?from=${time}`,
      `${log}?to=${time}`,
      `${log}?cursor=${cursor}`,
      `/v1/api-keys?cursor=${cursor}`,
    ]) {
      expect([path, (await ask('GET', path, '')).status]).toEqual([path, 422])
    }
    const headers = { authorization: `Bearer ${ada.token}`, accept: 'text/csv' }
    const download = await send(gatehouse, gatehouse.config.port, { path: `${log}?from=${time}`, headers })
    expect(download.status).toBe(422)
    expect((await ask('PATCH', `/v1/api-keys/${key}`, JSON.stringify({ expires_at: time }))).status).toBe(422)
  })
})
