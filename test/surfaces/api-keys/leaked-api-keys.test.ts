import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { apiKeyPattern, isApiKey, newApiKey } from '#foundation/values/api-key.ts'
import { call, databases, deployOn, forgetTries, newTokens } from '#support/api-requests.ts'
import { freePort } from '#support/free-port.ts'
import { act, createKey, deleteAllKeys, isLive, type SignedIn, signInTo } from '#support/keys.ts'
import { mailsTo } from '#support/mails.ts'
import type { Deployment } from '#support/wire.ts'
import { isActiveForItsClient } from '#support/wire.ts'

describe.each(databases)('a key that somebody has found, on %s,', (database) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']
  let ada: SignedIn
  beforeAll(async () => {
    // Nothing listens there: mails wait to be read.
    deployment = await deployOn(database, { config: { smtpUrl: `smtp://127.0.0.1:${await freePort()}` } })
    gatehouse = deployment.gatehouse
    ada = await signInTo(gatehouse, 'globex')
  })
  beforeEach(async () => {
    await deleteAllKeys(gatehouse)
    await gatehouse.database.db.deleteFrom('mailOutbox').execute()
    await forgetTries(gatehouse)
  })
  afterAll(() => deployment.stop())

  const report = (key: unknown) => call(gatehouse, '/v1/api-keys/revoke-leaked', { json: { key } })

  test.each(['opaque', 'jwt'] as const)(
    '%s, is revoked by whoever presents it, for good, and its owner is told',
    async (format) => {
      const { id, key, json } = await createKey(gatehouse, ada, { name: 'in a repository', format })
      expect(await report(`  ${key}\n`)).toMatchObject({ status: 202, json: { status: 'accepted' } })
      expect(await isLive(gatehouse, key)).toBe(false)
      expect((await act(gatehouse, ada, 'GET', id)).json).toMatchObject({ status: 'revoked', revoked_by: null })
      expect(await mailsTo(gatehouse, 'ada@acme.test')).toMatchObject([
        { template: 'api-key-leaked', content: { locals: { keyName: 'in a repository', keyHint: json.hint } } },
      ])
      const grace = await signInTo(gatehouse, 'globex', 'grace@globex.test')
      for (const by of [ada, grace]) {
        const back = await act(gatehouse, by, 'POST', id, '/reactivate')
        expect([back.status, back.json.code]).toEqual([409, 'conflict'])
      }
      // Telling it again says and does nothing more.
      expect((await report(key)).status).toBe(202)
      expect(await mailsTo(gatehouse, 'ada@acme.test')).toHaveLength(1)
      expect(gatehouse.logLines.join('')).not.toContain(key)
    },
  )

  test('is ended also when it was revoked before: it can’t be re-activated any more', async () => {
    const { id, key } = await createKey(gatehouse, ada)
    const { revoked_at } = (await act(gatehouse, ada, 'POST', id, '/revoke')).json
    await report(key)
    expect((await act(gatehouse, ada, 'GET', id)).json.revoked_at).toBe(revoked_at)
    expect((await act(gatehouse, ada, 'POST', id, '/reactivate')).status).toBe(409)
  })

  test('gets the answer that everything else gets', async () => {
    const { id, key } = await createKey(gatehouse, ada)
    const { access, refresh } = await newTokens(gatehouse)
    const real = await report(key)
    const others = [id, newApiKey('gate'), `${key}x`, 'nonsense', 'a.b.c', access, refresh, 'x'.repeat(8000)]
    for (const other of others) {
      const { status, text, headers } = await report(other)
      expect([other, status, text]).toEqual([other, 202, real.text])
      expect(Object.keys(headers).sort()).toEqual(Object.keys(real.headers).sort())
    }
    // A token is no key: presenting one ends nothing.
    expect((await gatehouse.introspect(access)).json.active).toBe(true)
    expect(await isActiveForItsClient(gatehouse, refresh)).toBe(true)
    for (const wrong of [undefined, '', 7, ['x'], 'x'.repeat(9000)]) expect((await report(wrong)).status).toBe(422)
  })

  test('can be reported 30 times a minute from one address', async () => {
    const statuses = []
    for (let n = 0; n < 32; n++) statuses.push(await report('nonsense'))
    expect(statuses.map(({ status }) => status)).toEqual([...Array(30).fill(202), 429, 429])
    expect(Number(statuses.at(-1)!.headers['retry-after'])).toBeGreaterThan(0)
  })
})

describe('gatehouse scan-keys', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'gatehouse-scan-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  const key = newApiKey('gate')
  const hint = `gate_usr_…${key.slice(-4)}`

  function scan(paths: string[], input = ''): Promise<{ code: number; out: string; err: string }> {
    return new Promise((resolve) => {
      const child = execFile(
        join(import.meta.dirname, '../../../node_modules/.bin/node'),
        [join(import.meta.dirname, '../../../src/gatehouse.ts'), 'scan-keys', ...paths],
        { cwd: folder, env: {} },
        (error, out, err) => resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
      )
      child.stdin?.end(input)
    })
  }

  test('finds live-looking keys by form and checksum, of any prefix, and prints none', async () => {
    mkdirSync(join(folder, 'deep/.git'), { recursive: true })
    const other = newApiKey('acme')
    writeFileSync(join(folder, 'deep/.env'), `# settings\nA=1\nAPI_KEY="${key}"; B=${other}\n`)
    writeFileSync(join(folder, 'deep/.git/config'), key)
    const mistyped = `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`
    writeFileSync(join(folder, 'clean.txt'), `${mistyped} x${key} ${key}0 gate_usr_${'a'.repeat(38)} ${key.slice(1)}`)
    // Across the pieces in which a file is read, in a file that is no text.
    const across = Buffer.concat([Buffer.alloc(65_536 - 20, 0xff), Buffer.from(key), Buffer.alloc(70_000, 10)])
    writeFileSync(join(folder, 'deep/across.bin'), across)
    const { code, out, err } = await scan(['.'])
    expect(code).toBe(1)
    expect(out.trim().split('\n')).toEqual([
      `deep/.env:3:10: ${hint}`,
      `deep/.env:3:62: acme_usr_…${other.slice(-4)}`,
      `deep/across.bin:1:65517: ${hint}`,
    ])
    expect(err).toContain('3 keys found')
    expect(out + err).not.toContain(key)
    expect(await scan(['clean.txt'])).toEqual({ code: 0, out: '', err: '' })
  })

  test('reads standard input, and says which file is not there', async () => {
    const found = await scan(['-'], `+const key = '${key}'\n`)
    expect([found.code, found.out]).toEqual([1, `standard input:1:15: ${hint}\n`])
    const missing = await scan(['nowhere'])
    expect(missing.code).toBe(1)
    expect(missing.err).toMatch(/^ENOENT: no such file or directory.*nowhere'\n$/)
  })

  test('the documented expression for secret scanners is the one that this uses', () => {
    const docs = readFileSync(new URL('../../../docs/integrate.md', import.meta.url), 'utf8')
    const [, documented = ''] = /^```regex\n(.+)\n```$/m.exec(docs) ?? []
    expect(documented).toBe(apiKeyPattern.source)
    expect(isApiKey(key)).toBe(true)
  })
})
