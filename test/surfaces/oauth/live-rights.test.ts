import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { applySetup } from '#authentication/setup/apply-setup.ts'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import { openDatabase } from '#foundation/database/database.ts'
import { call } from '#support/api-requests.ts'
import { environmentOf, runGatehouse } from '#support/command-line.ts'
import { askIntrospection, clientToken, inactive } from '#support/credential-requests.ts'
import { availableDatabases } from '#support/databases.ts'
import {
  basic,
  type Gatehouse,
  resourceServer,
  serviceAccount,
  startAnotherNode,
  startGatehouse,
} from '#support/gatehouse.ts'
import { signInTo } from '#support/keys.ts'
import { signIn } from '#support/relying-party.ts'
import { addSecondAdmin } from '#support/second-admin.ts'
import { parseSetupFile } from '#surfaces/setup/setup-file.ts'

const rounds = 200

/**
 * Each change comes over a connection of its own where there can be one, as `gatehouse apply` makes it beside running
 * servers, and every node is asked right after.
 */
describe.each(availableDatabases())('a change of rights is in the very next answer, on %s:', (kind) => {
  let gatehouse: Gatehouse
  let apply: (text: string) => Promise<unknown>
  let ports: number[]
  let stop: () => Promise<void>
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database: kind })
    await addSecondAdmin(gatehouse)
    ports = [gatehouse.config.port]
    if (kind === 'embedded') {
      apply = gatehouse.apply
      stop = () => gatehouse.stop()
      return
    }
    const { databaseUrl, dataDir } = gatehouse.config
    const database = await openDatabase({ databaseUrl, dataDir, onError: () => {} })
    const encryption = encryptionWith(gatehouse.config.encryptionKeys)
    const options = {
      actor: { system: 'setup_file' as const, name: 'apply' as const },
      encryption,
      outboundAllowedHosts: [],
    }
    apply = (text) => applySetup(database.db, parseSetupFile(text, 'change.yaml'), options)
    const other = await startAnotherNode(gatehouse)
    ports.push(other.port)
    stop = async () => {
      await other.stop()
      await database.close()
      await gatehouse.stop()
    }
  })
  afterAll(() => stop())

  async function askEveryNode(token: string): Promise<Record<string, unknown>[]> {
    const headers = { authorization: basic(resourceServer) }
    const answers = await Promise.all(
      ports.map((port) => askIntrospection(gatehouse.url, headers, `token=${token}`, port)),
    )
    return answers.map(({ text }) => JSON.parse(text))
  }

  async function tokenOf(email: string, organization: string): Promise<string> {
    return (await signIn(gatehouse.url, { email, parameters: { organization } })).tokens.access_token
  }

  test(`a team's grants and a direct grant, ${rounds} times`, async () => {
    const token = await tokenOf('ada@acme.test', 'acme')
    for (let round = 0; round < rounds; round++) {
      const permission = round % 2 === 0 ? 'reports:read' : 'configuration-items:read'
      const change =
        round % 4 < 2
          ? `teams: [{ name: readers, permissions: ["${permission}"], data_scopes: [{ source: team, scope_id: r${round} }] }, { name: writers }]`
          : `members: [{ email: ada@acme.test, teams: [readers], permissions: ["${permission}"], data_scopes: [{ source: direct, scope_id: r${round} }] }]`
      await apply(`organizations: [{ slug: acme, ${change} }]`)
      const scope = { source: round % 4 < 2 ? 'team' : 'direct', scope_id: `r${round}` }
      for (const answer of await askEveryNode(token)) {
        expect(answer.permissions).toContain(permission)
        expect(answer.data_scopes).toContainEqual(scope)
      }
    }
  })

  test('by API, file and command line, while 64 connections introspect', async () => {
    const token = await tokenOf('grace@globex.test', 'globex')
    const root = await signInTo(gatehouse, 'globex', 'root@example.test')
    const headers = { authorization: basic(resourceServer) }
    const grants = '/v1/organizations/globex/members/grace@globex.test/grants'
    const ways = {
      api: (scope_id: string) =>
        call(gatehouse, grants, {
          method: 'PUT',
          json: { permissions: [], data_scopes: [{ source: 'load', scope_id }] },
          headers: root.headers,
        }),
      file: (scope_id: string) =>
        apply(
          `organizations: [{ slug: globex, members: [{ email: grace@globex.test, admin: true, data_scopes: [{ source: load, scope_id: ${scope_id} }] }] }]`,
        ),
      // An embedded directory is held by its server.
      ...(kind === 'postgres' && {
        'command line': (scope_id: string) =>
          runGatehouse(
            ['grant', '--organization', 'globex', '--member', 'grace@globex.test', '--data-scope', `load=${scope_id}`],
            environmentOf(gatehouse),
          ),
      }),
    }
    let isAsking = true
    let asked = 0
    const connections = Array.from({ length: 64 }, async (_, n) => {
      for (; isAsking; asked++)
        await askIntrospection(gatehouse.url, headers, `token=${token}`, ports[n % ports.length])
    })
    try {
      for (let round = 0; round < 10; round++) {
        for (const [way, change] of Object.entries(ways)) {
          const scope_id = `${way.replace(' ', '-')}-${round}`
          await change(scope_id)
          for (const { data_scopes } of await askEveryNode(token)) {
            expect(data_scopes).toContainEqual({ source: 'load', scope_id })
          }
        }
      }
    } finally {
      isAsking = false
      await Promise.all(connections)
    }
    expect(asked).toBeGreaterThan(64)
  })

  test('joining and leaving a team', async () => {
    const token = await tokenOf('grace@globex.test', 'globex')
    for (let round = 0; round < 20; round++) {
      const teams = round % 2 === 0 ? '[auditors]' : '[]'
      await apply(
        `organizations: [{ slug: globex, members: [{ email: grace@globex.test, teams: ${teams} }, { email: ada@acme.test, teams: [auditors] }] }]`,
      )
      for (const answer of await askEveryNode(token)) {
        expect(answer.permissions).toEqual(round % 2 === 0 ? ['reports:read'] : [])
      }
    }
  })

  test('becoming a superadmin and being one no longer', async () => {
    const token = await tokenOf('grace@globex.test', 'globex')
    for (let round = 0; round < 20; round++) {
      const superadmin = round % 2 === 0
      await apply(`users: [{ email: grace@globex.test, superadmin: ${superadmin} }]`)
      for (const answer of await askEveryNode(token)) {
        expect(answer.superadmin).toBe(superadmin)
        if (superadmin) expect(answer.permissions).toEqual(['*'])
        else expect(answer.permissions).not.toContain('*')
      }
    }
  })

  test('being switched off and on, as a member, as a user, as an organization', async () => {
    const token = await tokenOf('grace@globex.test', 'globex')
    const switches = [
      (on: boolean) => `organizations: [{ slug: globex, members: [{ email: grace@globex.test, active: ${on} }] }]`,
      (on: boolean) => `users: [{ email: grace@globex.test, active: ${on} }]`,
      (on: boolean) => `organizations: [{ slug: globex, active: ${on} }]`,
    ]
    for (const change of switches) {
      for (let round = 0; round < 6; round++) {
        await apply(change(round % 2 === 1))
        for (const answer of await askEveryNode(token)) expect(answer.active).toBe(round % 2 === 1)
      }
    }
  })

  test('superadmin, being switched off and on, by API', async () => {
    const token = await tokenOf('grace@globex.test', 'globex')
    const account = await clientToken(gatehouse.url)
    const root = await signInTo(gatehouse, 'acme', 'root@example.test')
    const { sub } = (await askEveryNode(token))[0]!
    const patch = async (path: string, json: object) => {
      const { status, text } = await call(gatehouse, path, { method: 'PATCH', json, headers: root.headers })
      expect(status, text).toBeLessThan(300)
    }
    const person = `/v1/users/${sub}`
    const member = `/v1/organizations/globex/members/${sub}`
    const steps: [string, string, object, object][] = [
      [token, person, { superadmin: true }, { superadmin: true, permissions: ['*'] }],
      [token, person, { superadmin: false }, { superadmin: false }],
      [token, person, { active: false }, { active: false }],
      [token, person, { active: true }, { active: true }],
      [token, member, { active: false }, { active: false }],
      [token, member, { active: true }, { active: true }],
      [token, '/v1/organizations/globex', { active: false }, { active: false }],
      [token, '/v1/organizations/globex', { active: true }, { active: true }],
      [
        account,
        `/v1/organizations/acme/service-accounts/${serviceAccount.clientId}`,
        { active: false },
        { active: false },
      ],
      [
        account,
        `/v1/organizations/acme/service-accounts/${serviceAccount.clientId}`,
        { active: true },
        { active: true },
      ],
    ]
    for (const [asked, path, json, expected] of steps) {
      await patch(path, json)
      for (const answer of await askEveryNode(asked))
        expect(answer, `${path} ${JSON.stringify(json)}`).toMatchObject(expected)
    }
  })

  test('being removed', async () => {
    const token = await tokenOf('grace@globex.test', 'globex')
    await apply('organizations: [{ slug: globex, members: [{ email: ada@acme.test }] }]')
    for (const answer of await askEveryNode(token)) expect(JSON.stringify(answer)).toBe(inactive)
  })
})
