import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bearer, call, databases, deployOn, newTokens } from '#support/api-requests.ts'
import { clientToken, expire, logEntries } from '#support/credential-requests.ts'
import { confidentialClient } from '#support/gatehouse.ts'
import { signIn } from '#support/relying-party.ts'
import type { Deployment } from '#support/wire.ts'

describe.each(databases)('GET /v1/me on %s', (database) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']
  beforeAll(async () => {
    deployment = await deployOn(database)
    gatehouse = deployment.gatehouse
  })
  afterAll(() => deployment.stop())

  const me = (token: string) => call(gatehouse, '/v1/me', bearer(token))
  const organization = (slug: string, name: string) => ({ id: expect.stringMatching(/^org_/), slug, name })
  const team = (name: string) => ({ team: { id: expect.stringMatching(/^team_/), name } })
  const acme = organization('acme', 'Acme Corporation')
  const globex = organization('globex', 'Globex')

  test('says who, where, and what comes from where', async () => {
    // S0-37
    const { access } = await newTokens(gatehouse, { email: 'ada@acme.test', org: 'acme' })
    expect((await me(access)).json).toEqual({
      user: { id: expect.stringMatching(/^usr_/), email: 'ada@acme.test', name: 'Ada', superadmin: false },
      client: { client_id: 'gatehouse', name: 'Gatehouse' },
      organization: acme,
      memberships: [
        { organization: acme, admin: true },
        { organization: globex, admin: false },
      ],
      permissions: [
        { permission: 'configuration-items:read', from: [team('readers')] },
        { permission: 'configuration-items:write', from: [team('writers')] },
      ],
      data_scopes: [
        { source: 'kubernetes', scope_id: 'prod-cluster', from: [team('readers')] },
        { source: 'proxmox', scope_id: null, from: ['direct'] },
      ],
    })
  })

  test('names every place that gives something, a wider grant included', async () => {
    await gatehouse.apply(`organizations:
  - slug: globex
    teams:
      - { name: auditors, permissions: ["reports:read"], data_scopes: [{ source: null, scope_id: null }] }
      - { name: all reports, permissions: ["reports:*"], data_scopes: [{ source: vmware, scope_id: null }] }
    members:
      - { email: ada@acme.test, teams: [auditors] }
      - email: grace@globex.test
        admin: true
        teams: [auditors, all reports]
        permissions: ["reports:read"]
        data_scopes: [{ source: vmware, scope_id: one }]`)
    const { access } = await newTokens(gatehouse)
    const { json } = await me(access)
    expect(json.permissions).toEqual([
      { permission: 'reports:*', from: [team('all reports')] },
      { permission: 'reports:read', from: ['direct', team('all reports'), team('auditors')] },
    ])
    expect(json.data_scopes).toEqual([{ source: null, scope_id: null, from: [team('auditors')] }])
  })

  test('a superadmin holds everything by being one', async () => {
    const { access } = await newTokens(gatehouse, { email: 'root@example.test', org: 'acme' })
    expect((await me(access)).json).toMatchObject({
      user: { email: 'root@example.test', superadmin: true },
      organization: acme,
      memberships: [],
      permissions: [{ permission: '*', from: ['superadmin'] }],
      data_scopes: [{ source: null, scope_id: null, from: ['superadmin'] }],
    })
  })

  test('a token that was narrowed shows what it may do', async () => {
    const { tokens } = await signIn(gatehouse.url, {
      ...confidentialClient,
      email: 'ada@acme.test',
      pick: 'acme',
      parameters: { scope: 'openid configuration-items:read' },
    })
    const { json } = await me(tokens.access_token)
    expect(json.client).toEqual({ client_id: 'webapp', name: 'Web application' })
    expect(json.permissions).toEqual([{ permission: 'configuration-items:read', from: [team('readers')] }])
  })

  test('a service account is a client and no user', async () => {
    expect((await me(await clientToken(gatehouse.url))).json).toEqual({
      user: null,
      client: { client_id: 'nightly-export', name: 'nightly-export' },
      organization: acme,
      memberships: [],
      permissions: [{ permission: 'configuration-items:read', from: ['direct'] }],
      data_scopes: [{ source: 'ceph', scope_id: null, from: ['direct'] }],
    })
  })

  test('takes the token wherever a credential may stand', async () => {
    const { access } = await newTokens(gatehouse)
    for (const name of ['authorization', 'x-api-key', 'apikey']) {
      expect((await call(gatehouse, '/v1/me', { headers: { [name]: access } })).status).toBe(200)
    }
    expect((await call(gatehouse, `/v1/me?ApiKey=${access}`)).status).toBe(200)
    expect(gatehouse.logLines.join('')).not.toContain(access)
  })

  test('without a live credential it is 401 and says how to send one', async () => {
    // S0-33, S0-34
    const { access, refresh } = await newTokens(gatehouse)
    const ended = await newTokens(gatehouse)
    await expire(gatehouse, ended.access)
    const forReports = await clientToken(gatehouse.url, { resource: 'https://reports.example' })
    const forInventory = await clientToken(gatehouse.url, { resource: 'https://inventory.example' })
    const cases = [undefined, '', 'x', 'x'.repeat(43), `${access}x`, refresh, ended.access, forReports, forInventory]
    for (const token of cases) {
      const answer = await call(gatehouse, '/v1/me', token === undefined ? {} : bearer(token))
      expect(answer.status).toBe(401)
      expect(answer.headers['www-authenticate']).toBe('Bearer')
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
      expect(answer.json).toMatchObject({ code: 'authentication_required', title: 'Authentication required' })
      expect(answer.json.detail).toContain('X-API-Key')
    }
  })

  test('two different credentials are 400', async () => {
    const [one, other] = [await newTokens(gatehouse), await newTokens(gatehouse)]
    const headers = { authorization: `Bearer ${one.access}`, 'x-api-key': other.access }
    expect(await call(gatehouse, '/v1/me', { headers })).toMatchObject({
      status: 400,
      json: { code: 'invalid_request' },
    })
  })

  test('each use is in the authentication log', async () => {
    const { access, refresh } = await newTokens(gatehouse)
    const headers = { 'user-agent': 'asking' }
    await call(gatehouse, '/v1/me', { headers: { ...headers, authorization: `Bearer ${access}` } })
    await call(gatehouse, '/v1/me', { headers: { ...headers, 'x-api-key': refresh } })
    const forInventory = await clientToken(gatehouse.url, { resource: 'https://inventory.example' })
    await call(gatehouse, '/v1/me', { headers: { ...headers, authorization: forInventory } })
    const request = { ip: '127.0.0.1', method: 'GET', path: '/v1/me' }
    expect(await logEntries(gatehouse, 'asking')).toMatchObject([
      { ...request, outcome: 'accepted', via: 'bearer', credentialKind: 'access_token', clientId: 'gatehouse' },
      { ...request, outcome: 'refused', via: 'x-api-key', reason: 'wrong_kind' },
      { ...request, outcome: 'refused', via: 'authorization', reason: 'wrong_audience', clientId: 'nightly-export' },
    ])
  })
})
