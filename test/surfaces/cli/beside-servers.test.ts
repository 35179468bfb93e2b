import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { authenticate } from '#support/api-requests.ts'
import { environmentOf, type Ran, runGatehouse } from '#support/command-line.ts'
import { postgresAvailable } from '#support/databases.ts'
import type { Gatehouse } from '#support/gatehouse.ts'
import { isLive, signInTo } from '#support/keys.ts'
import { mailsTo, startWithWaitingMails } from '#support/mails.ts'

describe.runIf(postgresAvailable())('the command line beside a running server', { timeout: 60_000 }, () => {
  let gatehouse: Gatehouse
  beforeAll(async () => {
    gatehouse = await startWithWaitingMails('postgres')
  })
  afterAll(() => gatehouse.stop())

  const run = (words: string | string[], options?: Parameters<typeof runGatehouse>[2]): Promise<Ran> =>
    runGatehouse(typeof words === 'string' ? words.split(' ') : words, environmentOf(gatehouse), options)

  /** The document that a command with `--json` answers. */
  async function answerOf(words: string, options?: Parameters<typeof runGatehouse>[2]) {
    const { status, stdout, stderr } = await run(`${words} --json`, options)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    return JSON.parse(stdout)
  }

  /** The problem details of one that was refused. */
  async function refusalOf(words: string, options?: Parameters<typeof runGatehouse>[2]) {
    const { status, stdout, stderr } = await run(`${words} --json`, options)
    expect(stdout).toBe('')
    return { exit: status, ...JSON.parse(stderr) }
  }

  /** What the audit log has of the operator's changes, oldest first. */
  async function auditedActions(): Promise<string[]> {
    const entries = await gatehouse.database.db
      .selectFrom('auditLog')
      .select('action')
      .where('actorKind', '=', 'command_line')
      .where('via', '=', 'command_line')
      .orderBy('id')
      .execute()
    return entries.map(({ action }) => action)
  }

  // S0-21, S2-28
  test('a key is made for a member, works, is listed, and is dead once revoke has returned', async () => {
    const made = 'key create --organization acme --user ada@acme.test --name nightly --expires-in-days 7'
    const { status, stdout, stderr } = await run(`${made} --permission configuration-items:read`)
    expect([status, stderr]).toEqual([
      0,
      expect.stringMatching(/^API key key_\S+ of ada@acme\.test in acme, until .*once\.\n$/),
    ])
    const key = stdout.trim()
    expect((await gatehouse.introspect(key)).json).toMatchObject({
      active: true,
      org_slug: 'acme',
      permissions: ['configuration-items:read'],
    })
    const [mail] = await mailsTo(gatehouse, 'ada@acme.test')
    expect(mail).toMatchObject({
      template: 'api-key-created-for-you',
      content: { locals: { createdBy: 'The operator of this service' } },
    })

    const { items } = await answerOf('key list --organization acme --user ada@acme.test')
    expect(items).toMatchObject([
      { name: 'nightly', status: 'active', created_by: null, user: { email: 'ada@acme.test' } },
    ])
    expect(JSON.stringify(items)).not.toContain(key)

    expect(await refusalOf(made)).toMatchObject({ exit: 1, code: 'conflict' })
    expect(await refusalOf(`key revoke ${items[0].id} --organization globex`)).toMatchObject({
      exit: 1,
      code: 'not_found',
    })
    expect(await isLive(gatehouse, key)).toBe(true)
    expect(await answerOf(`key revoke ${items[0].id} --organization acme`)).toMatchObject({
      status: 'revoked',
      revoked_by: null,
    })
    expect(await isLive(gatehouse, key)).toBe(false)
    expect(await auditedActions()).toEqual(['api_key.created', 'api_key.revoked'])
  })

  test('what a key cannot be is wrong usage, and names the option', async () => {
    const made = 'key create --organization acme --user ada@acme.test --name x'
    expect(await refusalOf(made)).toMatchObject({
      exit: 2,
      code: 'wrong_usage',
      detail: expect.stringContaining('--expires-at: '),
    })
    expect(await refusalOf(`${made} --expires-in-days 400`)).toMatchObject({
      exit: 2,
      detail: expect.stringContaining('--expires-in-days: must be at most 366'),
    })
    expect(await refusalOf(`${made} --data-scope =x --expires-in-days 7`)).toMatchObject({
      exit: 2,
      detail: expect.stringContaining('--data-scope: '),
    })
    expect(await refusalOf('key list --organization nowhere')).toMatchObject({ exit: 1, code: 'not_found' })
  })

  test('the authentication log is printed oldest first, filtered, and followed', async () => {
    const ada = await signInTo(gatehouse, 'acme')
    await gatehouse.introspect(ada.token)
    await gatehouse.introspect('nonsense')
    const { stdout } = await run('log tail -n 3 --organization acme')
    const lines = stdout.trim().split('\n')
    expect(lines.at(-1)).toMatch(/^\S+T\S+Z accepted {2}.*access_token.* ada@acme\.test {2}acme {2}introspection /)
    const ndjson = (await run('log tail -n 100 --json')).stdout.trim().split('\n')
    const entries = ndjson.map((line) => JSON.parse(line))
    expect(entries.map(({ occurred_at }) => occurred_at).toSorted()).toEqual(
      entries.map(({ occurred_at }) => occurred_at),
    )
    expect((await run('log tail --organization globex --user ada@acme.test --outcome refused')).stdout).toBe('')
    expect(await refusalOf('log tail --user ada@acme.test')).toMatchObject({ exit: 2 })

    const stop = new AbortController()
    const waiting: ((line: string) => void)[] = []
    const following = run('log tail -n 0 --follow --json --organization acme', {
      stop: stop.signal,
      onLine: (line) => waiting.shift()?.(line),
    })
    for (let use = 0; use < 2; use++) {
      const printed = new Promise<string>((resolve) => waiting.push(resolve))
      // Until it follows there is nothing to be seen of it, so it is used until it is seen.
      let seen = false
      void printed.then(() => {
        seen = true
      })
      while (!seen) await gatehouse.introspect(ada.token)
      expect(JSON.parse(await printed)).toMatchObject({ outcome: 'accepted', organization: { slug: 'acme' } })
    }
    stop.abort()
    const followed = await following
    const ids = followed.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).id)
    expect([followed.status, new Set(ids).size]).toEqual([0, ids.length])
  })

  test('a person is invited and a member removed; the last administrator stays', async () => {
    const invited = await answerOf('member invite grace@globex.test --organization acme --admin --team Readers')
    expect(invited).toMatchObject({ email: 'grace@globex.test', admin: true, organization: { slug: 'acme' } })
    const [mail] = await mailsTo(gatehouse, 'grace@globex.test')
    expect(mail).toMatchObject({
      template: 'invitation',
      content: { locals: { invitedBy: 'The operator of this service' } },
    })
    expect(await refusalOf('member invite x@globex.test --organization acme --team auditors')).toMatchObject({
      exit: 1,
      code: 'not_found',
    })
    expect(await refusalOf('member invite ada@acme.test --organization acme')).toMatchObject({
      exit: 1,
      code: 'conflict',
    })

    expect(await refusalOf('member remove ada@acme.test --organization acme')).toMatchObject({
      exit: 1,
      code: 'conflict',
    })
    const token = (await signInTo(gatehouse, 'globex')).token
    expect(await answerOf('member remove ada@acme.test --organization globex')).toMatchObject({
      removed: 'ada@acme.test',
    })
    expect(await isLive(gatehouse, token)).toBe(false)
    expect(await refusalOf('member remove ada@acme.test --organization globex')).toMatchObject({
      exit: 1,
      code: 'not_found',
    })
    expect((await auditedActions()).slice(-2)).toEqual(['invitation.created', 'member.removed'])
  })

  test('a password is reset by a mailed link, or given, and what the old one opened ends', async () => {
    const email = 'nobody@example.test'
    expect(await run(`user reset-password ${email}`)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('is on its way'),
    })
    const [mail] = await mailsTo(gatehouse, email)
    expect(mail).toMatchObject({
      template: 'reset-password',
      decoy: false,
      content: { locals: { by: 'The operator of this service' } },
    })

    const grace = await signInTo(gatehouse, 'globex', 'grace@globex.test')
    const generated = await run('user reset-password GRACE@globex.test --generate')
    expect(generated.status).toBe(0)
    expect(await isLive(gatehouse, grace.token)).toBe(false)
    const password = generated.stdout.trim()
    expect(
      (await authenticate(gatehouse, { email: 'grace@globex.test', password, organization: 'globex' })).status,
    ).toBe(200)

    const given = await answerOf('user reset-password grace@globex.test --password-stdin', {
      stdin: 'a few words in a row\n',
    })
    expect(given).toEqual({ user: { id: expect.any(String), email: 'grace@globex.test' } })
    const signedIn = await authenticate(gatehouse, {
      email: 'grace@globex.test',
      password: 'a few words in a row',
      organization: 'globex',
    })
    expect(signedIn.status).toBe(200)

    const refused = (options: string, stdin = '') =>
      refusalOf(`user reset-password grace@globex.test ${options}`, { stdin })
    expect(await refused('--password-stdin', 'password1')).toMatchObject({ exit: 1, code: 'validation_failed' })
    expect(await refused('--type')).toMatchObject({ exit: 2, detail: expect.stringContaining('no terminal') })
    expect(await refused('--generate --password-stdin')).toMatchObject({ exit: 2 })
    expect(await refusalOf('user reset-password none@example.test')).toMatchObject({ exit: 1, code: 'not_found' })
    expect((await auditedActions()).slice(-3)).toEqual([
      'user.password_reset_mailed',
      'user.password_reset',
      'user.password_reset',
    ])
  })

  test('an organization is made, suspended and activated', async () => {
    const made = await run(['organization', 'create', 'initech', '--name', 'Initech Corporation'])
    expect(made).toMatchObject({
      status: 0,
      stderr: 'Next: gatehouse member invite EMAIL --organization initech --admin\n',
    })
    expect(await refusalOf('organization create initech --name Other')).toMatchObject({ exit: 1, code: 'conflict' })
    expect(await refusalOf('organization create initech-2 --name lnitech-Corporation')).toMatchObject({
      exit: 1,
      code: 'validation_failed',
    })
    expect(await refusalOf('organization create Initech --name Other')).toMatchObject({ exit: 2 })

    const { token } = await signInTo(gatehouse, 'globex', 'root@example.test')
    expect(await isLive(gatehouse, token)).toBe(true)
    expect(await answerOf('organization suspend globex')).toMatchObject({ slug: 'globex', active: false })
    expect(await isLive(gatehouse, token)).toBe(false)
    const { items } = await answerOf('organization list')
    expect(items.map(({ slug, active }: { slug: string; active: boolean }) => `${slug} ${active}`)).toEqual([
      'acme true',
      'globex false',
      'initech true',
    ])
    await answerOf('organization suspend globex')
    expect(await answerOf('organization activate globex')).toMatchObject({ active: true })
    expect(await isLive(gatehouse, token)).toBe(true)
    expect((await auditedActions()).slice(-3)).toEqual([
      'organization.created',
      'organization.suspended',
      'organization.activated',
    ])
  })

  test('a person is made, found, switched off and on; the last superadmin stays', async () => {
    const made = await run(['user', 'create', 'lin@acme.test', '--name', 'Lin Lane'])
    expect(made).toMatchObject({
      status: 0,
      stdout: '',
      stderr: expect.stringMatching(/^Made lin@acme\.test \(usr_\S+\)\. A link/),
    })
    expect(await mailsTo(gatehouse, 'lin@acme.test')).toMatchObject([{ template: 'reset-password', decoy: false }])
    expect(await refusalOf('user create LIN@acme.test --name Lin')).toMatchObject({ exit: 1, code: 'conflict' })
    expect(await refusalOf('user create lin --name Lin')).toMatchObject({
      exit: 2,
      detail: expect.stringContaining('<email>: must be an e-mail address'),
    })
    const weak = await refusalOf('user create kim@acme.test --name Kim --password-stdin', { stdin: 'kim@acme.test' })
    expect(weak).toMatchObject({ exit: 1, code: 'validation_failed' })
    const { password } = await answerOf('user create kim@acme.test --name Kim --superadmin --generate')
    expect((await authenticate(gatehouse, { email: 'kim@acme.test', password, organization: 'acme' })).status).toBe(200)

    const { items } = await answerOf('user list --search ACME.test --limit 2')
    expect(items.map(({ email }: { email: string }) => email)).toEqual(['ada@acme.test', 'kim@acme.test'])
    const rest = await answerOf('user list --search lane --after kim@acme.test')
    expect(rest).toMatchObject({
      items: [{ email: 'lin@acme.test', active: true, superadmin: false }],
      next_after: null,
    })

    const ada = await signInTo(gatehouse, 'acme')
    expect(await refusalOf('user deactivate ada@acme.test')).toMatchObject({ exit: 1, code: 'conflict' })
    const root = await signInTo(gatehouse, 'acme', 'root@example.test')
    expect(await answerOf('user deactivate root@example.test')).toMatchObject({ active: false })
    expect(await isLive(gatehouse, root.token)).toBe(false)
    expect(await refusalOf('user deactivate kim@acme.test')).toMatchObject({ exit: 1, code: 'conflict' })
    expect(await refusalOf('user reset-password root@example.test')).toMatchObject({ exit: 1, code: 'conflict' })
    expect(await answerOf('user deactivate root@example.test --undo')).toMatchObject({ active: true })
    expect([await isLive(gatehouse, root.token), await isLive(gatehouse, ada.token)]).toEqual([true, true])
    expect((await auditedActions()).slice(-4)).toEqual([
      'user.password_reset_mailed',
      'user.created',
      'user.updated',
      'user.updated',
    ])
  })
  test('clients are made, and their secrets rotated with and without overlap', async () => {
    const made = await run(['client', 'create', '--name', 'Stock API', '--client-id', 'stock-api', '--resource-server'])
    expect(made).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^client_id: stock-api\nclient_secret: \S+\n$/),
    })
    const first = made.stdout.trim().split('client_secret: ')[1]!
    const { token } = await signInTo(gatehouse, 'acme')
    const statusOf = async (clientSecret: string) =>
      (await gatehouse.introspect(token, {}, { clientId: 'stock-api', clientSecret })).status
    expect(await statusOf(first)).toBe(200)
    const { client_secret: second } = await answerOf('client rotate-secret stock-api --overlap-seconds 600')
    expect([await statusOf(first), await statusOf(second)]).toEqual([200, 200])
    const third = (await run('client rotate-secret stock-api')).stdout.trim()
    expect([await statusOf(first), await statusOf(second), await statusOf(third)]).toEqual([401, 401, 200])

    const account = 'client create --name Export --service-account'
    expect(await answerOf(`${account} --organization acme --permission reports:read --data-scope ceph`)).toMatchObject({
      organization: { slug: 'acme' },
      permissions: ['reports:read'],
      data_scopes: [{ source: 'ceph', scope_id: null }],
      client_secret: expect.any(String),
    })
    expect(await refusalOf('client create --name App --redirect-uri http://evil.example/')).toMatchObject({
      exit: 1,
      code: 'validation_failed',
    })
    expect(await refusalOf(`${account} --grant-type refresh_token`)).toMatchObject({ exit: 2 })
    expect(await refusalOf(`client create --name App --token-endpoint-auth-method magic`)).toMatchObject({
      exit: 2,
      detail: expect.stringContaining('--token-endpoint-auth-method: '),
    })
    expect(await refusalOf('client rotate-secret none')).toMatchObject({ exit: 1, code: 'not_found' })
    expect((await auditedActions()).slice(-4)).toEqual([
      'client.created',
      'client_secret.rotated',
      'client_secret.rotated',
      'client.created',
    ])
  })

  test('the signing keys are listed without their private half; rotating too early says from when on', async () => {
    const { items } = await answerOf('keys list')
    expect(items.map(({ alg, status }: Record<string, string>) => `${alg} ${status}`)).toContain('ES256 next')
    expect(JSON.stringify(items)).not.toContain('"d":')
    const refused = await refusalOf('keys rotate')
    expect(refused).toMatchObject({ exit: 1, code: 'conflict', possible_from: expect.any(String) })
  })

  // S0-23, S0-26
  test('a grant changed here is in the next answer of the running server', async () => {
    const member = 'grant --organization globex --member grace@globex.test'
    const grace = await answerOf(
      'key create --organization globex --user grace@globex.test --name g --expires-in-days 7',
    )
    const rightsOf = async () => {
      const { permissions, data_scopes } = (await gatehouse.introspect(grace.key)).json
      return { permissions, data_scopes }
    }
    expect(await rightsOf()).toEqual({ permissions: [], data_scopes: [] })
    const scope = { source: 'kubernetes', scope_id: 'a=b' }
    const granted = { permissions: ['reports:read'], data_scopes: [scope] }
    expect(await answerOf(`${member} --permission reports:read --data-scope kubernetes=a=b`)).toEqual(granted)
    expect(await rightsOf()).toEqual(granted)
    // Two operators at once: neither writes over what the other gave.
    await Promise.all(['ceph', 'proxmox'].map((source) => answerOf(`${member} --data-scope ${source}`)))
    expect(await rightsOf()).toMatchObject({
      data_scopes: expect.arrayContaining([
        scope,
        { source: 'ceph', scope_id: null },
        { source: 'proxmox', scope_id: null },
      ]),
    })
    await answerOf(`${member} --remove --permission reports:read --data-scope ceph --data-scope proxmox`)
    expect(await answerOf(member)).toEqual({ permissions: [], data_scopes: [scope] })
    expect(await rightsOf()).toEqual({ permissions: [], data_scopes: [scope] })

    expect(
      await answerOf('grant --organization globex --team Auditors --permission configuration-items:*'),
    ).toMatchObject({ permissions: ['configuration-items:*', 'reports:read'] })
    expect(
      await answerOf('grant --organization acme --service-account nightly-export --data-scope ceph --remove'),
    ).toMatchObject({ data_scopes: [] })
    expect(
      await refusalOf('grant --organization globex --service-account nightly-export --data-scope ceph'),
    ).toMatchObject({ exit: 1, code: 'not_found' })
    expect(await refusalOf('grant --organization globex --team readers --data-scope ceph')).toMatchObject({
      exit: 1,
      code: 'not_found',
    })
    expect(await refusalOf(`${member} --permission no:such`)).toMatchObject({ exit: 1, code: 'validation_failed' })
    expect(await refusalOf(`${member} --team auditors --permission reports:read`)).toMatchObject({ exit: 2 })
    expect((await auditedActions()).slice(-3)).toEqual(['member.updated', 'team.updated', 'client.updated'])
  })
})
