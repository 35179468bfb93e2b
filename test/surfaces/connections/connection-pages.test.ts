import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { databases } from '#support/api-requests.ts'
import { Browser } from '#support/browser.ts'
import { accountOf, allowed, connect, countUsers, newBrowser } from '#support/federation.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { type IdentityProvider, startIdentityProvider, upstreamClient } from '#support/identity-provider.ts'
import { openAccount, pathOf, textOf } from '#support/signed-in.ts'

describe.each(databases)('the pages of connections on %s', (database) => {
  let gatehouse: Gatehouse
  let provider: IdentityProvider
  let ada: Browser
  const bob = { sub: 'bob-1', name: 'Bob', email: 'bob@acme.test', email_verified: true }

  beforeAll(async () => {
    provider = await startIdentityProvider()
    gatehouse = await startGatehouse({ database, config: allowed(provider) })
    await connect(gatehouse, { name: 'globex-sso', organization: 'globex', issuer: provider.issuer })
    ada = await openAccount(gatehouse, { path: '/admin/connections' })
  })
  beforeEach(async () => {
    provider.person = bob
    provider.lies = {}
    await db().deleteFrom('connections').where('name', 'like', 'acme-%').execute()
  })
  afterAll(async () => {
    await gatehouse.stop()
    await provider.stop()
  })

  const db = () => gatehouse.database.db
  const at = (path = '') => `${gatehouse.url}/admin/connections${path}`
  const open = (path = '', browser = ada) => browser.get(at(path))
  const rowOf = (name: string) => db().selectFrom('connections').selectAll().where('name', '=', name).executeTakeFirst()
  const auditOf = (action: string) =>
    db()
      .selectFrom('auditLog')
      .select(['actorName', 'after'])
      .where('action', '=', action)
      .orderBy('id', 'desc')
      .execute()
  const connectAcme = (more: Partial<Parameters<typeof connect>[1]> = {}) =>
    connect(gatehouse, {
      name: 'acme-sso',
      organization: 'acme',
      issuer: provider.issuer,
      displayName: 'Work',
      ...more,
    })

  test('are for administrators, of their own organization', async () => {
    const member = await openAccount(gatehouse, { pick: 'globex', path: '/admin/connections' })
    expect(member.page.status).toBe(403)
    for (const path of ['/globex-sso', '/globex-sso/edit', '/globex-sso/required', '/globex-sso/remove', '/nothing']) {
      await open(path)
      expect(ada.page.status).toBe(404)
    }
    await open()
    for (const path of [
      '/globex-sso/edit',
      '/globex-sso/state',
      '/globex-sso/required',
      '/globex-sso/try',
      '/globex-sso/remove',
    ]) {
      const _csrf = ada.hidden('_csrf') ?? ''
      await ada.post(at(path), { _csrf, enabled: 'no', required: 'yes' })
      expect(ada.page.status).toBe(404)
      await open()
    }
    expect(await rowOf('globex-sso')).toMatchObject({ enabled: true, required: false })
    await ada.get(`${gatehouse.url}/deployment/connections`)
    expect(ada.page.status).toBe(403)
  })

  test('one is added, and our address is told before anything is asked', async () => {
    await ada.get(`${gatehouse.url}/admin/new-connection`)
    expect(ada.page.html).toContain('/admin/new-connection/keycloak')
    await ada.get(`${gatehouse.url}/admin/new-connection/keycloak`)
    const callback = `${gatehouse.url}/connections/acme-keycloak/callback`
    expect(ada.page.html.indexOf(callback)).toBeGreaterThan(0)
    expect(ada.page.html.indexOf(callback)).toBeLessThan(ada.page.html.indexOf('name="client_secret"'))

    await ada.submit(
      { issuer: 'https://<host>/realms/<realm>', client_id: 'gate', client_secret: 'kept-by-nobody-1' },
      '/keycloak',
    )
    expect(ada.page.status).toBe(422)
    expect(textOf(ada, 'error-issuer')).not.toBe('')
    expect(ada.page.html).toContain('value="gate"')
    expect(ada.page.html).not.toContain('kept-by-nobody-1')

    const issuer = 'https://keycloak.acme.test/realms/acme'
    await ada.submit({ issuer, client_id: 'gate', client_secret: 'shown-to-nobody-2' }, '/keycloak')
    expect(pathOf(ada)).toBe('/admin/connections/acme-keycloak?done=created')
    expect(ada.page.html).toContain(callback)
    expect(ada.page.html).not.toContain('shown-to-nobody-2')
    expect(await rowOf('acme-keycloak')).toMatchObject({ enabled: false, handle: 'acme-keycloak', jit: true, issuer })
    expect((await auditOf('connection.created'))[0]).toMatchObject({ actorName: 'ada@acme.test' })

    await ada.submit({ enabled: 'yes' }, '/state')
    expect(await rowOf('acme-keycloak')).toMatchObject({ enabled: true })
  })

  test('a name that somebody has already is not promised to another', async () => {
    await ada.get(`${gatehouse.url}/admin/new-connection/oidc?name=globex-sso`)
    expect(ada.page.html).toContain(`${gatehouse.url}/connections/globex-sso-2/callback`)
    expect(textOf(ada, 'error-name')).not.toBe('')
  })

  test('what a provider calls its issuer is understood', async () => {
    await ada.get(`${gatehouse.url}/admin/new-connection/entra`)
    await ada.submit({ issuer: '0f0f-tenant', client_id: 'x', client_secret: 'y' }, '/entra')
    expect(await rowOf('acme-entra')).toMatchObject({ issuer: 'https://login.microsoftonline.com/0f0f-tenant/v2.0' })
  })

  test('edits keep the secret, and groups are added and removed without scripts', async () => {
    await connectAcme()
    const before = await rowOf('acme-sso')
    await open('/acme-sso/edit')
    expect(ada.page.html).not.toContain(upstreamClient.clientSecret)
    await ada.submit({ step: 'row', display_name: 'Typed' }, '/edit')
    expect(ada.page.html).toContain('value="Typed"')
    await ada.submit({ step: 'row', group_claim: 'groups', 'group.0': 'sre', 'team.0': 'writers' }, '/edit')
    await ada.submit({ 'group.1': 'everybody', 'team.1': 'readers', 'team:readers': 'yes' }, '/edit')
    expect(pathOf(ada)).toBe('/admin/connections/acme-sso?done=saved')
    const saved = await rowOf('acme-sso')
    expect(saved).toMatchObject({ displayName: 'Typed', groupClaim: 'groups', clientSecret: before?.clientSecret })
    expect(Object.keys(saved?.groupTeamIds ?? {}).sort()).toEqual(['everybody', 'sre'])
    expect(saved?.defaultTeamIds).toHaveLength(1)

    await open('/acme-sso/edit')
    const everybody = /name="group\.(\d)" value="everybody"/.exec(ada.page.html)?.[1] ?? ''
    await ada.submit({ remove: everybody }, '/edit')
    expect(Object.keys((await rowOf('acme-sso'))?.groupTeamIds ?? {})).toHaveLength(2)
    await ada.submit({}, '/edit')
    expect(Object.keys((await rowOf('acme-sso'))?.groupTeamIds ?? {})).toEqual(['sre'])
  })

  test('a group without a team, twice, or for a team that is none is refused where it stands', async () => {
    await connectAcme()
    await open('/acme-sso/edit')
    await ada.submit(
      { group_claim: 'groups', 'group.0': 'sre', 'team.0': '', 'group.1': 'ops', 'team.1': 'nobody' },
      '/edit',
    )
    expect(ada.page.status).toBe(422)
    expect(textOf(ada, 'error-group.0')).not.toBe('')
    await ada.submit({ 'team.0': 'writers', 'team.1': 'nobody' }, '/edit')
    expect(textOf(ada, 'error-group.1')).toBe('This is no team of this organization.')
    await ada.submit({ 'group.1': 'sre', 'team.1': 'readers' }, '/edit')
    expect(textOf(ada, 'error-group.1')).toBe('Each group stands here once.')
    expect((await rowOf('acme-sso'))?.groupTeamIds).toEqual({})
  })

  test('another issuer wants the secret again', async () => {
    await connectAcme()
    await open('/acme-sso/edit')
    await ada.submit({ issuer: 'https://elsewhere.test' }, '/edit')
    expect(ada.page.status).toBe(422)
    expect(textOf(ada, 'error-client_secret')).not.toBe('')
    expect(await rowOf('acme-sso')).toMatchObject({ issuer: provider.issuer })
  })

  /** Everything that a sign-in writes. */
  async function written() {
    const [identities, sessions, grants, users] = await Promise.all([
      db().selectFrom('identities').select('id').execute(),
      db().selectFrom('sessions').select('uid').execute(),
      db().selectFrom('oauthGrants').select('id').execute(),
      countUsers(gatehouse),
    ])
    return [identities.length, sessions.length, grants.length, users]
  }

  test('a tried sign-in tells what would happen, and nothing happens', async () => {
    await connectAcme({
      enabled: false,
      groupClaim: 'groups',
      groupTeams: { sre: 'writers' },
      defaultTeams: ['readers'],
    })
    provider.person = { ...bob, groups: ['sre', '<b>bold</b>'] }
    await open('/acme-sso')
    const before = await written()
    await ada.submit({}, '/try')
    expect(new URL(ada.page.url).pathname).toBe('/connections/acme-sso/callback')
    expect(ada.page.status).toBe(200)
    expect(ada.page.headers.get('cache-control')).toBe('no-store')
    expect(textOf(ada, 'lead')).toContain('bob@acme.test')
    expect(textOf(ada, 'facts')).toContain('becomes a member of Acme Corporation')
    expect(textOf(ada, 'facts')).toMatch(/readers.*writers/)
    expect(textOf(ada, 'claims')).toContain('bob-1')
    expect(textOf(ada, 'unmapped')).toContain('&lt;b&gt;bold&lt;/b&gt;')
    expect(await written()).toEqual(before)
    expect(await accountOf(gatehouse, 'bob@acme.test')).toBeUndefined()
    expect((await auditOf('connection.tried'))[0]).toEqual({
      actorName: 'ada@acme.test',
      after: { result: 'signed_in' },
    })

    await ada.get(ada.page.url)
    expect(ada.page.status).toBe(400)
  })

  test('only who began a trial sees what came of it', async () => {
    await connectAcme()
    const stopping = new Browser((url) => url.pathname.endsWith('/callback'))
    await openAccount(gatehouse, { path: '/admin/connections/acme-sso', browser: stopping })
    await stopping.submit({}, '/try')
    const callback = stopping.page.url
    const before = (await auditOf('connection.tried')).length
    await ada.get(callback)
    expect(ada.page.status).toBe(400)
    expect(ada.page.html).not.toContain('bob-1')
    // The same browser as somebody else, who administers another organization.
    const other = await openAccount(gatehouse, {
      email: 'grace@globex.test',
      pick: 'globex',
      path: '/admin/connections',
    })
    for (const name of stopping.cookieNames().filter((cookie) => cookie.includes('connection'))) {
      other.setCookie(name, stopping.cookie(name) ?? '')
    }
    await other.get(callback)
    expect(other.page.status).toBe(400)
    expect(other.page.html).not.toContain('bob-1')
    expect(await auditOf('connection.tried')).toHaveLength(before)
  })

  test('a trial says why somebody would be refused, and tells nothing of other accounts', async () => {
    await connectAcme({ jit: false })
    const leadFor = async (email: string) => {
      provider.person = { ...bob, name: 'Somebody', email }
      await open('/acme-sso')
      await ada.submit({}, '/try')
      const told = textOf(ada, 'tried').replaceAll(email, '…')
      expect(told).not.toBe('')
      return told
    }
    // Grace has an account, the other address none: an administrator of Acme learns no difference.
    const known = await leadFor('grace@globex.test')
    expect(known).not.toContain('Grace')
    expect(await leadFor('unknown@globex.test')).toBe(known)
    // What is in the organization's own domain is its own business.
    expect(await leadFor('bob@acme.test')).toContain('lets no new people in')
    expect(await leadFor('ada@acme.test')).toContain('The account with … would be linked')
    await db().updateTable('connections').set({ jit: true }).where('name', '=', 'acme-sso').execute()
    expect(await leadFor('grace@globex.test')).toBe(await leadFor('unknown@globex.test'))
  })

  test('what fails at the provider is told, with its steps where it can’t even be asked', async () => {
    await connectAcme()
    provider.lies = { signature: 'other key' }
    await open('/acme-sso')
    await ada.submit({}, '/try')
    expect(ada.page.status).toBe(200)
    expect(textOf(ada, 'lead')).toContain('can’t be believed')
    provider.lies = { answer: { '/.well-known/openid-configuration': (response) => response.writeHead(404).end() } }
    await open('/acme-sso')
    await ada.submit({}, '/try')
    expect(ada.page.status).toBe(502)
    expect(textOf(ada, 'checked')).toContain('The discovery document has the status 404.')
  })

  test('who would be locked out is said before a connection is required', async () => {
    await connectAcme({ enabled: false })
    await open('/acme-sso/required')
    expect(textOf(ada, 'locked-out')).toContain('1 member')
    expect(textOf(ada, 'people')).toContain('Ada')
    expect(textOf(ada, 'oneself')).not.toBe('')
    await ada.submit({ required: 'yes' }, '/required')
    expect(await rowOf('acme-sso')).toMatchObject({ required: true, enabled: true })
    await db().updateTable('connections').set({ required: false }).where('name', '=', 'acme-sso').execute()
    // Nobody is left out who has come in that way: the sessions before it are over.
    provider.person = { ...bob, sub: 'ada', email: 'ada@acme.test', name: 'Ada' }
    const through = newBrowser()
    await through.get(`${gatehouse.url}/o/acme`)
    await through.submit({ connection: 'acme-sso' })
    await through.get(at('/acme-sso/required'))
    expect(textOf(through, 'nobody')).not.toBe('')
    await through.get(at('/acme-sso/remove'))
    expect(textOf(through, 'all')).toContain('1 person')
    await through.submit({}, '/remove')
    expect(pathOf(through)).toBe('/admin/connections?done=removed')
    expect(await rowOf('acme-sso')).toBeUndefined()
    ada = await openAccount(gatehouse, { path: '/admin/connections' })
  })

  test('the deployment’s own are looked after by superadmins', async () => {
    const root = await openAccount(gatehouse, {
      email: 'root@example.test',
      path: '/deployment/connections',
    })
    expect(root.page.status).toBe(200)
    await root.get(`${gatehouse.url}/deployment/new-connection/oidc?name=everybody`)
    await root.submit({ issuer: provider.issuer, ...asForm(upstreamClient) }, '/oidc')
    expect(pathOf(root)).toBe('/deployment/connections/everybody?done=created')
    await root.get(`${gatehouse.url}/deployment/connections/everybody/required`)
    expect(root.page.status).toBe(404)
    await root.get(`${gatehouse.url}/deployment/connections/everybody`)
    await root.submit({}, '/try')
    expect(textOf(root, 'lead')).toContain('bob@acme.test')
    await root.get(`${gatehouse.url}/deployment/connections/everybody/edit`)
    expect(root.page.html).not.toContain('data-test="groups"')
    await root.submit({ display_name: 'Everybody' }, '/edit')
    expect(await rowOf('everybody')).toMatchObject({ organizationId: null, displayName: 'Everybody' })
  })
})

const asForm = ({ clientId, clientSecret }: typeof upstreamClient) => ({
  client_id: clientId,
  client_secret: clientSecret,
})
