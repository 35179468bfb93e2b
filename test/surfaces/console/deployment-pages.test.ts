import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Browser } from '#support/browser.ts'
import { availableDatabases } from '#support/databases.ts'
import { freePort } from '#support/free-port.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { latestLink, mailsTo } from '#support/mails.ts'
import { isSignedOut, openAccount, pathOf, textOf } from '#support/signed-in.ts'

const paths = [
  '',
  '/organizations',
  '/people',
  '/applications',
  '/permissions',
  '/signing-keys',
  '/mail',
  '/audit-log',
].map((path) => `/deployment${path}`)

describe('the pages of superadmins', () => {
  let gatehouse: Gatehouse
  let root: Browser
  beforeAll(async () => {
    // Nothing listens there: mails wait to be read.
    const smtpUrl = `smtp://127.0.0.1:${await freePort()}`
    gatehouse = await startGatehouse({ database: availableDatabases()[0]!, config: { smtpUrl } })
    root = await openAccount(gatehouse, { email: 'root@example.test', pick: 'globex', path: '/deployment' })
  })
  afterAll(() => gatehouse.stop())

  const open = (path: string, browser = root) => browser.get(`${gatehouse.url}${path}`)
  const idOf = async (email: string) =>
    (await gatehouse.database.db.selectFrom('users').select('id').where('email', '=', email).executeTakeFirstOrThrow())
      .id

  test.each(paths)('%s is theirs alone', async (path) => {
    const ada = await openAccount(gatehouse, { path })
    expect(ada.page.status).toBe(403)
    const nobody = new Browser()
    await open(path, nobody)
    expect(isSignedOut(nobody)).toBe(true)
    await open(path)
    expect(root.page.status).toBe(200)
  })

  test('an organization is made, its first administrator invited, visited, suspended and activated', async () => {
    // S2-32
    await open('/deployment/organizations/new')
    await root.submit({ name: 'Initech', slug: 'In itech' }, '/deployment/organizations')
    expect(root.page.status).toBe(422)
    expect(textOf(root, 'error-slug')).toContain('lower-case letters')
    await root.submit({ name: 'Initech', slug: 'globex' }, '/deployment/organizations')
    expect([root.page.status, textOf(root, 'error-slug')]).toEqual([409, expect.stringContaining('exists already')])
    expect(root.page.html).toContain('value="Initech"')
    root.headers = { 'accept-language': 'de' }
    await root.submit({ name: 'Initech', slug: 'globex' }, '/deployment/organizations')
    expect(textOf(root, 'error-slug')).toContain('Es gibt schon eine Organisation mit diesem Kürzel')
    root.headers = {}
    await root.submit({ name: 'Initech', slug: 'initech' }, '/deployment/organizations')
    expect(pathOf(root)).toBe('/deployment/organizations/initech')

    await root.submit({ email: 'no address' }, '/admin')
    expect(root.page.status).toBe(422)
    await root.submit({ email: 'peter@initech.test' }, '/admin')
    expect(textOf(root, 'done')).toContain('on its way')
    expect(await mailsTo(gatehouse, 'peter@initech.test')).toMatchObject([{ template: 'invitation' }])

    const ada = await openAccount(gatehouse, { pick: 'acme' })
    await open('/deployment/organizations/acme/suspend')
    expect(textOf(root, 'suspend')).toContain('loses access')
    await root.submit({}, '/suspend')
    expect(textOf(root, 'done')).toContain('Suspended')
    await open('/account/profile', ada)
    expect(ada.page.html).not.toContain('data-test="organization-name">Acme')
    await open('/deployment/organizations/acme')
    await root.submit({}, '/activate')
    expect(textOf(root, 'done')).toContain('Active again')
    await open('/deployment/organizations?q=INI')
    expect(textOf(root, 'organizations')).toContain('Initech')
    expect(textOf(root, 'organizations')).not.toContain('Globex')
  })

  test('a person is added by mail, let in again, made superadmin, switched off', async () => {
    await open('/deployment/people/new')
    await root.submit({ email: 'ada@acme.test', name: 'Again' }, '/deployment/people')
    expect([root.page.status, textOf(root, 'error-email')]).toEqual([422, expect.stringContaining('already')])
    await root.submit({ email: 'milton@initech.test', name: 'Milton' }, '/deployment/people')
    const id = await idOf('milton@initech.test')
    expect(pathOf(root)).toBe(`/deployment/people/${id}?done=created`)
    expect(await latestLink(gatehouse, 'milton@initech.test', 'reset-password')).toContain('/new-password')

    await root.submit({ change: 'promote' }, `/people/${id}`)
    expect(root.page.html).toContain('value="demote"')
    await open(`/deployment/people/${id}/deactivate`)
    await root.submit({ change: 'deactivate' }, `/people/${id}`)
    expect(textOf(root, 'done')).toContain('Deactivated')
    await open('/deployment/people?who=deactivated')
    expect(textOf(root, 'users')).toContain('Milton')
    expect(textOf(root, 'users')).not.toContain('Ada')
    await open(`/deployment/people/milton@initech.test`)
    expect(root.page.status).toBe(404)
  })

  test('the last superadmin stays one, and is told so', async () => {
    const id = await idOf('root@example.test')
    await open(`/deployment/people/${id}`)
    await root.submit({ change: 'demote' }, `/people/${id}`)
    expect(root.page.status).toBe(409)
    expect(textOf(root, 'refusal')).not.toBe('')
    await open('/deployment')
    expect(root.page.status).toBe(200)
  })

  test('permissions are added, described and taken out, but for those that somebody holds', async () => {
    await open('/deployment/permissions')
    await root.submit({ name: 'not a name' }, '/permissions')
    expect([root.page.status, textOf(root, 'error-name')]).toEqual([422, expect.stringContaining('must')])
    await root.submit({ name: 'staplers:take', description: '' }, '/permissions')
    expect(textOf(root, 'permissions')).toContain('staplers:take')
    await open('/deployment/permissions/staplers%3Atake')
    await root.submit({ description: 'Take a red one' }, '/permissions/staplers%3Atake')
    expect(textOf(root, 'permissions')).toContain('Take a red one')
    await open('/deployment/permissions/staplers%3Atake')
    await root.submit({}, '/delete')
    expect(textOf(root, 'permissions')).not.toContain('staplers:take')
    await open('/deployment/permissions/configuration-items%3Aread')
    await root.submit({}, '/delete')
    expect([root.page.status, textOf(root, 'refusal')]).toEqual([409, expect.stringContaining('grant')])
  })

  test('signing keys are not rotated before everybody can know the next ones', async () => {
    await open('/deployment/signing-keys')
    expect(textOf(root, 'keys')).toContain('ES256')
    expect(root.page.html).not.toContain('"d"')
    await root.submit({}, '/rotate')
    expect([root.page.status, textOf(root, 'too-early')]).toEqual([409, expect.stringContaining('UTC')])
  })

  test('mails are listed without their readers and what they say', async () => {
    await open('/deployment/mail')
    expect(textOf(root, 'mails')).toContain('invitation')
    expect(root.page.html).not.toContain('initech.test')
  })

  test('every change of it is in the log, with what was before and after', async () => {
    await open('/deployment/audit-log?action=organization.suspended')
    expect(root.page.html.match(/data-test="entry-/g)).toHaveLength(1)
    expect(textOf(root, 'entries')).toContain('acme organization.suspended')
    await open('/deployment/audit-log?organization=nowhere')
    expect(root.page.status).toBe(404)
    await open('/deployment/audit-log.csv?action=organization.suspended')
    expect(root.page.html.trim().split('\r\n')).toHaveLength(2)
  })
})
