import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { call, databases } from '#support/api-requests.ts'
import { Browser } from '#support/browser.ts'
import { freePort } from '#support/free-port.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { createKey, type SignedIn, signInTo } from '#support/keys.ts'
import { latestLink, liveLinks, mailsTo } from '#support/mails.ts'

const acme = '/v1/organizations/acme'

describe.each(databases)('invitations through the API on %s', (database) => {
  let gatehouse: Gatehouse
  /** Admin of Acme. */
  let ada: SignedIn
  /** Plain member of Globex. */
  let adaInGlobex: SignedIn
  /** Admin of Globex. */
  let grace: SignedIn
  let root: SignedIn
  beforeAll(async () => {
    // Nothing listens there: mails wait to be read.
    gatehouse = await startGatehouse({ database, config: { smtpUrl: `smtp://127.0.0.1:${await freePort()}` } })
    ada = await signInTo(gatehouse, 'acme')
    adaInGlobex = await signInTo(gatehouse, 'globex')
    grace = await signInTo(gatehouse, 'globex', 'grace@globex.test')
    root = await signInTo(gatehouse, 'globex', 'root@example.test')
  })
  afterAll(() => gatehouse.stop())

  const ask = (by: SignedIn, method: string, path: string, json?: unknown) =>
    call(gatehouse, path, { method, json, headers: by.headers })
  const invite = (by: SignedIn, email: string, more: Record<string, unknown> = {}, org = acme) =>
    ask(by, 'POST', `${org}/members`, { email, ...more })
  const open = async (by = ada) => (await ask(by, 'GET', `${acme}/invitations`)).json.items as { email: string }[]
  const keyOf = async (by: SignedIn, fields: Record<string, unknown>): Promise<SignedIn> => {
    const { key } = await createKey(gatehouse, by, fields)
    return { headers: { 'x-api-key': key }, token: key }
  }

  test('an administrator invites with teams by name, sees it listed, and the link is mailed', async () => {
    const { status, json } = await invite(ada, 'bob@elsewhere.test', { teams: ['readers'] })
    expect([status, json]).toEqual([202, { id: expect.stringMatching(/^inv_/) }])
    expect(await open()).toEqual([
      {
        id: json.id,
        email: 'bob@elsewhere.test',
        admin: false,
        teams: [{ id: expect.any(String), name: 'readers' }],
        invited_by: { id: expect.stringMatching(/^usr_/), email: 'ada@acme.test' },
        created_at: expect.any(String),
      },
    ])
    const page = await new Browser().get(await latestLink(gatehouse, 'bob@elsewhere.test', 'invitation'))
    expect(page.html).toContain('Acme Corporation')
  })

  test('it is mailed again with another link, and withdrawn with its link', async () => {
    const { json } = await invite(ada, 'carol@elsewhere.test')
    const first = await latestLink(gatehouse, 'carol@elsewhere.test', 'invitation')
    expect((await ask(ada, 'POST', `${acme}/invitations/${json.id}/resend`)).status).toBe(202)
    expect(await mailsTo(gatehouse, 'carol@elsewhere.test')).toHaveLength(2)
    expect((await new Browser().get(first)).status).toBe(410)
    expect(await liveLinks(gatehouse, 'carol@elsewhere.test')).toBe(1)
    expect((await ask(ada, 'DELETE', `${acme}/invitations/${json.id}`)).status).toBe(204)
    expect(await liveLinks(gatehouse, 'carol@elsewhere.test')).toBe(0)
    expect((await open()).map(({ email }) => email)).not.toContain('carol@elsewhere.test')
    for (const [method, path] of [
      ['DELETE', ''],
      ['POST', '/resend'],
    ] as const) {
      expect((await ask(ada, method, `${acme}/invitations/${json.id}${path}`)).status).toBe(404)
    }
  })

  test('who is no administrator of the organization does none of it', async () => {
    const { json } = await invite(ada, 'dave@elsewhere.test')
    for (const [by, status] of [
      [adaInGlobex, 404],
      [grace, 404],
    ] as const) {
      expect((await invite(by, 'eve@elsewhere.test')).status).toBe(status)
      expect((await ask(by, 'GET', `${acme}/invitations`)).status).toBe(status)
      expect((await ask(by, 'DELETE', `${acme}/invitations/${json.id}`)).status).toBe(status)
      expect((await ask(by, 'POST', `${acme}/invitations/${json.id}/resend`)).status).toBe(status)
    }
    expect((await invite(adaInGlobex, 'eve@elsewhere.test', {}, '/v1/organizations/globex')).status).toBe(403)
    const foreign = `/v1/organizations/globex/invitations/${json.id}`
    expect((await ask(grace, 'DELETE', foreign)).status).toBe(404)
    expect((await open()).map(({ email }) => email)).toContain('dave@elsewhere.test')
    expect(await mailsTo(gatehouse, 'eve@elsewhere.test')).toEqual([])
    expect((await invite(root, 'eve@elsewhere.test')).status).toBe(202)
  })

  test('a key invites only when it was made for administration, and never an administrator', async () => {
    const ordinary = await keyOf(ada, {})
    const administering = await keyOf(ada, { administration: true })
    const narrowed = await keyOf(ada, { administration: true, permissions: ['configuration-items:read'] })
    expect((await invite(ordinary, 'frank@elsewhere.test')).json.code).toBe('permission_denied')
    expect((await invite(narrowed, 'frank@elsewhere.test')).status).toBe(403)
    expect((await invite(administering, 'frank@elsewhere.test', { admin: true })).status).toBe(403)
    expect(await mailsTo(gatehouse, 'frank@elsewhere.test')).toEqual([])
    expect((await invite(administering, 'frank@elsewhere.test')).status).toBe(202)
    const { json } = await invite(ada, 'gina@elsewhere.test', { admin: true })
    expect((await ask(administering, 'POST', `${acme}/invitations/${json.id}/resend`)).status).toBe(403)
    expect(await mailsTo(gatehouse, 'gina@elsewhere.test')).toHaveLength(1)
  })

  test('mistakes are told by field, and members are not invited', async () => {
    const unknown = await invite(ada, 'hugo@elsewhere.test', { teams: ['no such team'] })
    expect([unknown.status, unknown.json.errors]).toMatchObject([422, [{ path: 'teams' }]])
    const readers = await gatehouse.database.db.selectFrom('teams').select('id').where('name', '=', 'readers').execute()
    const foreign = await invite(grace, 'hugo@elsewhere.test', { teams: [readers[0]!.id] }, '/v1/organizations/globex')
    expect([foreign.status, foreign.json.errors]).toMatchObject([422, [{ path: 'teams' }]])
    expect((await invite(ada, 'no address')).json.errors).toMatchObject([{ path: 'email' }])
    expect((await invite(ada, 'hugo@elsewhere.test', { superadmin: true })).status).toBe(422)
    expect((await invite(ada, 'ADA@acme.test')).json.code).toBe('conflict')
  })
})
