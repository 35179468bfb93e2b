import { afterAll, beforeAll, expect, test } from 'vitest'
import { password, redirectUri, startGatehouse } from '#support/gatehouse.ts'
import { type Answer, type Fields, send } from '#support/wire.ts'

let gatehouse: Awaited<ReturnType<typeof startGatehouse>>

beforeAll(async () => {
  gatehouse = await startGatehouse({ config: { issuer: 'https://id.example' } })
})
afterAll(() => gatehouse.stop())

test('over https every cookie is bound to this host, and out of reach of scripts and other sites', async () => {
  const jar = new Map<string, string>()
  const seen = new Map<string, string>()

  /** TLS ends at a proxy in front, so this is what reaches the server. */
  async function request(location: string, fields?: Fields): Promise<Answer> {
    const { pathname, search } = new URL(location, 'https://id.example')
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await send(gatehouse, gatehouse.config.port, {
      path: pathname + search,
      headers: { accept: 'text/html', ...(cookie && { cookie }) },
      ...(fields && form(fields, cookie)),
    })
    for (const header of answer.headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(header) ?? []
      jar.set(name, value)
      seen.set(name, header)
    }
    return answer
  }

  const form = (fields: Fields, cookie: string) => ({
    method: 'POST',
    body: new URLSearchParams(fields).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'text/html', cookie },
  })

  const query = new URLSearchParams({
    client_id: 'console',
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid',
    code_challenge: 'x'.repeat(43),
    code_challenge_method: 'S256',
  })
  const begun = await request(`/oauth/authorize?${query}`)
  expect(begun.headers.location).toMatch(/^(https:\/\/id\.example)?\/interaction\//)
  const page = await request(begun.headers.location!)
  expect(page.headers['strict-transport-security']).toMatch(/max-age=\d{8}/)
  const csrf = /name="_csrf" value="([^"]+)"/.exec(page.text)![1]!
  const login = { _csrf: csrf, email: 'grace@globex.test', password }
  const signedIn = await request(`${begun.headers.location}/login`, login)
  expect(signedIn.status).toBe(303)
  const finished = await request(signedIn.headers.location!)
  expect(finished.headers.location).toContain(`${redirectUri}?code=`)
  await request('/device')

  expect(seen.size).toBeGreaterThanOrEqual(6)
  for (const [name, header] of seen) {
    expect(name).toMatch(/^__Host-/)
    expect(header).toMatch(/; *secure/i)
    expect(header).toMatch(/; *httponly/i)
    expect(header).toMatch(/; *samesite=(lax|strict)/i)
    expect(header).toMatch(/; *path=\/(;|$)/i)
    expect(header).not.toMatch(/; *domain=/i)
  }
  // what is over is taken away
  const interaction = [...seen].filter(([name]) => name.includes('resume') && !name.endsWith('.sig'))
  expect(interaction.map(([, header]) => /expires=Thu, 01 Jan 1970/i.test(header))).toContain(true)
})
