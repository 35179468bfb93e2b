import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { call, databases, deployOn } from '#support/api-requests.ts'
import { freePort } from '#support/free-port.ts'
import { setup } from '#support/gatehouse.ts'
import { act, askForKey, createKey, deleteAllKeys, isLive, letExpire, type SignedIn, signInTo } from '#support/keys.ts'
import { mailsTo } from '#support/mails.ts'
import { addSecondAdmin } from '#support/second-admin.ts'
import type { Deployment } from '#support/wire.ts'

describe.each(databases)("an organization's API keys on %s", (database) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']
  /** Admin of Globex. */
  let grace: SignedIn
  /** Plain member of Globex. */
  let ada: SignedIn
  /** Admin of Acme. */
  let adaInAcme: SignedIn
  let root: SignedIn
  beforeAll(async () => {
    // Nothing listens there: mails wait to be read.
    deployment = await deployOn(database, { config: { smtpUrl: `smtp://127.0.0.1:${await freePort()}` } })
    gatehouse = deployment.gatehouse
    await addSecondAdmin(gatehouse)
    grace = await signInTo(gatehouse, 'globex', 'grace@globex.test')
    ada = await signInTo(gatehouse, 'globex')
    adaInAcme = await signInTo(gatehouse, 'acme')
    root = await signInTo(gatehouse, 'globex', 'root@example.test')
  })
  beforeEach(async () => {
    await deleteAllKeys(gatehouse)
    await gatehouse.database.db.deleteFrom('mailOutbox').execute()
  })
  afterAll(() => deployment.stop())

  const listed = async (by: SignedIn, query = '') => {
    const { status, json } = await call(gatehouse, `/v1/api-keys${query}`, { headers: by.headers })
    return status === 200 ? (json.items as { id: string }[]).map(({ id }) => id) : status
  }

  test('an administrator makes a key for a member, sees it once, and its owner is told', async () => {
    // S2-16 S2-21
    const { id, key, json } = await createKey(gatehouse, grace, { name: 'For Ada', user: 'ADA@acme.test' })
    expect(json).toMatchObject({ user: { email: 'ada@acme.test' }, created_by: { email: 'grace@globex.test' } })
    expect((await gatehouse.introspect(key)).json).toMatchObject({ username: 'ada@acme.test', org_slug: 'globex' })
    expect(await listed(ada)).toEqual([id])
    const [mail, ...others] = await mailsTo(gatehouse, 'ada@acme.test')
    expect(others).toEqual([])
    expect(mail).toMatchObject({
      template: 'api-key-created-for-you',
      content: { locals: { keyName: 'For Ada', keyHint: json.hint, organizationName: 'Globex', createdBy: 'Grace' } },
    })
    expect(JSON.stringify(mail)).not.toContain(key)
    await createKey(gatehouse, grace)
    expect(await mailsTo(gatehouse, 'grace@globex.test')).toEqual([])
  })

  test('an administrator lists everybody’s keys or one person’s; a member only their own', async () => {
    // S2-25 S2-26 S2-33
    const hers = await createKey(gatehouse, grace)
    const adas = await createKey(gatehouse, ada)
    await createKey(gatehouse, adaInAcme)
    expect(await listed(grace)).toEqual([hers.id])
    expect(await listed(grace, '?user=*')).toEqual([adas.id, hers.id])
    expect(await listed(grace, '?user=ada@acme.test')).toEqual([adas.id])
    const adasId = (adas.json.user as { id: string }).id
    expect(await listed(grace, `?user=${adasId}`)).toEqual([adas.id])
    expect(await listed(root, '?user=*')).toEqual([adas.id, hers.id])
    expect(await listed(ada, '?user=ada@acme.test')).toEqual([adas.id])
    expect(await listed(ada, `?user=${adasId}`)).toEqual([adas.id])
    for (const somebody of ['*', 'grace@globex.test', 'nobody@example.test', 'usr_x']) {
      expect([somebody, await listed(ada, `?user=${somebody}`)]).toEqual([somebody, 403])
    }
    for (const stranger of ['nobody@example.test', 'root@example.test', 'usr_x', 'a%00b']) {
      expect([stranger, await listed(grace, `?user=${stranger}`)]).toEqual([stranger, 404])
    }
  })

  test('a member makes keys for nobody else, an administrator for members only', async () => {
    // S2-16
    for (const user of ['grace@globex.test', 'nobody@example.test', 'usr_x']) {
      const { status, json } = await askForKey(gatehouse, ada, { user })
      expect([user, status, json.code]).toEqual([user, 403, 'permission_denied'])
    }
    for (const user of ['nobody@example.test', 'root@example.test', 'usr_x', 'a\u0000b']) {
      const { status, json } = await askForKey(gatehouse, grace, { user })
      expect([user, status, json.code]).toEqual([user, 404, 'not_found'])
    }
    expect((await askForKey(gatehouse, ada, { user: 'ada@acme.test' })).status).toBe(201)
  })

  test("nobody but a superadmin makes, prolongs or re-activates a superadmin's key; an administrator may end it", async () => {
    const withRoot = setup.replace(
      '- { email: grace@globex.test, admin: true, teams: [] }',
      '- { email: grace@globex.test, admin: true, teams: [] }\n      - { email: root@example.test }',
    )
    await gatehouse.apply(withRoot)
    try {
      const refused = await askForKey(gatehouse, grace, { user: 'root@example.test' })
      expect([refused.status, refused.json.code]).toEqual([403, 'permission_denied'])
      const { id, key } = await createKey(gatehouse, root)
      expect((await act(gatehouse, grace, 'PATCH', id, '', { json: { expires_in_days: 90 } })).status).toBe(403)
      expect((await act(gatehouse, grace, 'POST', id, '/revoke')).status).toBe(200)
      expect(await isLive(gatehouse, key)).toBe(false)
      expect((await act(gatehouse, grace, 'POST', id, '/reactivate')).status).toBe(403)
      expect((await act(gatehouse, root, 'POST', id, '/reactivate')).status).toBe(200)
    } finally {
      await gatehouse.apply(setup)
    }
  })

  test('what an administrator revoked only an administrator re-activates; the owner is told', async () => {
    // S2-29
    const { id, key, json } = await createKey(gatehouse, ada, { name: 'mine' })
    const revoked = await act(gatehouse, grace, 'POST', id, '/revoke')
    expect(revoked.json).toMatchObject({ status: 'revoked', revoked_by: { email: 'grace@globex.test' } })
    expect(await mailsTo(gatehouse, 'ada@acme.test')).toMatchObject([
      { template: 'api-key-revoked', content: { locals: { keyName: 'mine', keyHint: json.hint, revokedBy: 'Grace' } } },
    ])
    const refused = await act(gatehouse, ada, 'POST', id, '/reactivate')
    expect([refused.status, refused.json.code]).toEqual([403, 'permission_denied'])
    expect(await isLive(gatehouse, key)).toBe(false)
    expect((await act(gatehouse, grace, 'POST', id, '/reactivate')).json.status).toBe('active')
    // What its owner revoked an administrator can lock.
    await act(gatehouse, ada, 'POST', id, '/revoke')
    expect((await act(gatehouse, ada, 'POST', id, '/reactivate')).status).toBe(200)
    await act(gatehouse, ada, 'POST', id, '/revoke')
    await act(gatehouse, grace, 'POST', id, '/revoke')
    expect((await act(gatehouse, ada, 'POST', id, '/reactivate')).status).toBe(403)
  })

  test('an administrator edits and deletes a member’s key; a live one that goes is told', async () => {
    const { id, key } = await createKey(gatehouse, ada, { name: 'hers' })
    const edited = await act(gatehouse, grace, 'PATCH', id, '', { json: { name: 'theirs' } })
    expect(edited.json).toMatchObject({ name: 'theirs', user: { email: 'ada@acme.test' } })
    expect((await act(gatehouse, grace, 'DELETE', id)).status).toBe(204)
    expect(await isLive(gatehouse, key)).toBe(false)
    expect(await mailsTo(gatehouse, 'ada@acme.test')).toMatchObject([{ template: 'api-key-revoked' }])
    const expired = await createKey(gatehouse, ada)
    await letExpire(gatehouse, expired.id)
    await act(gatehouse, grace, 'DELETE', expired.id)
    expect(await mailsTo(gatehouse, 'ada@acme.test')).toHaveLength(1)
  })

  test('to another organization, and to another member, a key is not there', async () => {
    const adas = await createKey(gatehouse, ada)
    const graces = await createKey(gatehouse, grace)
    const everything = [
      ['GET', ''],
      ['PATCH', ''],
      ['POST', '/revoke'],
      ['POST', '/reactivate'],
      ['DELETE', ''],
    ] as const
    const attempts: [SignedIn, string][] = [
      [adaInAcme, adas.id], // her own, but in another organization
      [adaInAcme, graces.id],
      [ada, graces.id],
      [grace, 'key_00000000000000000000'],
      [grace, '%00'],
    ]
    for (const [by, id] of attempts) {
      for (const [method, rest] of everything) {
        const more = method === 'PATCH' ? { json: { name: 'taken over' } } : {}
        const { status, json } = await act(gatehouse, by, method, id, rest, more)
        expect([id, method, rest, status, json.code]).toEqual([id, method, rest, 404, 'not_found'])
      }
    }
    expect([await isLive(gatehouse, adas.key), await isLive(gatehouse, graces.key)]).toEqual([true, true])
    // A cursor of one list shows nothing of another.
    for (let n = 0; n < 3; n++) await createKey(gatehouse, grace)
    const { json } = await call(gatehouse, '/v1/api-keys?user=*&limit=1', { headers: grace.headers })
    expect(await listed(adaInAcme, `?user=*&cursor=${json.next_cursor}`)).toEqual([])
  })

  test('an administrator’s narrowed key is no administrator; one that is not narrowed is', async () => {
    const adas = await createKey(gatehouse, ada)
    const narrowed = await createKey(gatehouse, grace, { permissions: ['reports:read'] })
    const whole = await createKey(gatehouse, grace)
    const by = (key: string): SignedIn => ({ headers: { 'x-api-key': key }, token: key })
    expect(await listed(by(narrowed.key), '?user=*')).toBe(403)
    expect(await listed(by(whole.key), '?user=*')).toContain(adas.id)
  })

  test('who is no administrator any more is none at the next request', async () => {
    await gatehouse.apply(setup.replace('grace@globex.test, admin: true', 'grace@globex.test, admin: false'))
    try {
      expect(await listed(grace, '?user=*')).toBe(403)
      expect((await askForKey(gatehouse, grace, { user: 'ada@acme.test' })).status).toBe(403)
    } finally {
      await gatehouse.apply(setup)
    }
  })
})
