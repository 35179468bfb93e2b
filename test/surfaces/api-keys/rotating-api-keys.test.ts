import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sha256 } from '#foundation/crypto/sha256.ts'
import { databases } from '#support/api-requests.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'
import { makeSignInsOld, rowOfKey, shownKey } from '#support/key-forms.ts'
import { act, createKey, deleteAllKeys, isLive, letExpire, type SignedIn, signInTo } from '#support/keys.ts'
import { openAccount } from '#support/signed-in.ts'

const weekMs = 7 * 86_400_000

describe.each(databases)('rotating API keys on %s', (database) => {
  let gatehouse: Gatehouse
  /** Plain member of Globex. */
  let ada: SignedIn
  /** Admin of Globex. */
  let grace: SignedIn
  beforeAll(async () => {
    gatehouse = await startGatehouse({ database })
    ada = await signInTo(gatehouse, 'globex')
    grace = await signInTo(gatehouse, 'globex', 'grace@globex.test')
  })
  beforeEach(async () => {
    await deleteAllKeys(gatehouse)
    await gatehouse.database.db.deleteFrom('mailOutbox').execute()
  })
  afterAll(() => gatehouse.stop())

  const rotate = (id: string, json: Record<string, unknown> = {}, by = ada) =>
    act(gatehouse, by, 'POST', id, '/rotate', { json })
  const read = async (id: string) => (await act(gatehouse, ada, 'GET', id)).json

  test.each(['opaque', 'jwt'])(
    'a successor of an %s key has its name, owner and restrictions, both work',
    async (format) => {
      const old = await createKey(gatehouse, ada, {
        format,
        name: 'CI',
        permissions: ['reports:read'],
        data_scopes: [],
      })
      const { status, json } = await rotate(old.id, { overlap_seconds: 3600 })
      expect(status).toBe(201)
      const { name, user, permissions, data_scopes, organization } = old.json
      expect(json).toMatchObject({ name, format, user, permissions, data_scopes, organization, status: 'active' })
      expect([json.id === old.id, json.key === old.key]).toEqual([false, false])
      expect([await isLive(gatehouse, old.key), await isLive(gatehouse, String(json.key))]).toEqual([true, true])
      const end = Date.parse(String((await read(old.id)).expires_at))
      expect(Math.abs(end - Date.now() - 3_600_000)).toBeLessThan(60_000)
      const lifetime = Date.parse(String(json.expires_at)) - Date.parse(String(json.created_at))
      expect(Math.abs(lifetime - 30 * 86_400_000)).toBeLessThan(60_000)
      await letExpire(gatehouse, old.id)
      expect([await isLive(gatehouse, old.key), await isLive(gatehouse, String(json.key))]).toEqual([false, true])
    },
  )

  test('without an overlap the old key is dead at once', async () => {
    const old = await createKey(gatehouse, ada)
    const { json } = await rotate(old.id)
    expect([await isLive(gatehouse, old.key), await isLive(gatehouse, String(json.key))]).toEqual([false, true])
  })

  test('an overlap is seven days at most, and gives no key a longer life', async () => {
    const old = await createKey(gatehouse, ada, { expires_in_days: 2 })
    expect((await rotate(old.id, { overlap_seconds: 604_801 })).status).toBe(422)
    expect((await rotate(old.id, { overlap_seconds: -1 })).status).toBe(422)
    const before = (await read(old.id)).expires_at
    expect((await rotate(old.id, { overlap_seconds: weekMs / 1000 })).status).toBe(201)
    expect((await read(old.id)).expires_at).toBe(before)
  })

  test('a key is rotated once, while it works; what was replaced is neither prolonged nor re-activated', async () => {
    const old = await createKey(gatehouse, ada)
    const answers = await Promise.all(Array.from({ length: 5 }, () => rotate(old.id, { overlap_seconds: 3600 })))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409])
    expect((await act(gatehouse, ada, 'PATCH', old.id, '', { json: { expires_in_days: 30 } })).status).toBe(409)
    await act(gatehouse, ada, 'POST', old.id, '/revoke')
    expect((await act(gatehouse, ada, 'POST', old.id, '/reactivate')).status).toBe(409)
    const expired = await createKey(gatehouse, ada)
    await letExpire(gatehouse, expired.id)
    expect((await rotate(expired.id)).status).toBe(409)
  })

  test('both count while they live side by side', async () => {
    const keys = []
    for (let n = 0; n < 10; n++) keys.push(await createKey(gatehouse, ada))
    const full = await rotate(keys[0]!.id, { overlap_seconds: 3600 })
    expect([full.status, full.json.code]).toEqual([409, 'limit_reached'])
    expect(await isLive(gatehouse, keys[0]!.key)).toBe(true)
    expect((await rotate(keys[0]!.id)).status).toBe(201)
  })

  test('nobody rotates what they may not, and no key does', async () => {
    const graces = await createKey(gatehouse, grace)
    expect((await rotate(graces.id)).status).toBe(404)
    const own = await createKey(gatehouse, ada)
    const byKey = { headers: { 'x-api-key': own.key }, token: own.key }
    expect((await rotate(own.id, {}, byKey)).status).toBe(403)
    const elsewhere = await signInTo(gatehouse, 'acme')
    expect((await rotate(own.id, {}, elsewhere)).status).toBe(404)
    expect((await rotate(own.id, {}, grace)).status).toBe(201)
  })

  test('the audit log tells of the rotation and of the key that came of it, its owner of a stranger’s hand', async () => {
    const old = await createKey(gatehouse, ada, { name: 'Rotated' })
    const { json } = await rotate(old.id, { overlap_seconds: 3600 }, grace)
    const rows = await gatehouse.database.db.selectFrom('auditLog').selectAll().orderBy('id').execute()
    const events = rows.filter(({ after }) => [old.id, json.id].includes((after as { id?: string } | null)?.id))
    expect(events.map(({ action }) => action)).toEqual(['api_key.created', 'api_key.rotated', 'api_key.created'])
    const { before, after } = events[1] as unknown as Record<'before' | 'after', Record<string, string>>
    expect([before.id, after.id, after.superseded_by]).toEqual([old.id, old.id, json.id])
    expect(Date.parse(after.expires_at!)).toBeLessThan(Date.parse(before.expires_at!))
    expect(JSON.stringify(events)).not.toContain(json.key)
    const mails = await gatehouse.database.db.selectFrom('mailOutbox').select(['template', 'recipientHash']).execute()
    expect(mails).toEqual([{ template: 'api-key-created-for-you', recipientHash: sha256('ada@acme.test') }])
  })

  test('on the page with a fresh sign-in, where the new key is shown once', async () => {
    const { id, key } = await createKey(gatehouse, ada, { name: 'Deploys' })
    const browser = await openAccount(gatehouse, { pick: 'globex', path: '/account/api-keys' })
    expect(rowOfKey(browser, id)).toContain(`/account/api-keys/${id}/rotate`)
    await browser.get(`${gatehouse.url}/account/api-keys/${id}/rotate`)
    await browser.submit({ overlap: '3600' }, '/rotate')
    const successor = shownKey(browser)
    expect([await isLive(gatehouse, key), await isLive(gatehouse, successor)]).toEqual([true, true])
    await browser.get(`${gatehouse.url}/account/api-keys`)
    expect(rowOfKey(browser, id)).toContain('Replaced')
    expect(browser.page.html).not.toContain(successor)
    await makeSignInsOld(gatehouse)
    await browser.get(`${gatehouse.url}/account/api-keys/${id}/rotate`)
    expect(browser.page.html).toContain('name="password"')
  })
})
