import type Koa from 'koa'
import { describe, expect, test } from 'vitest'
import { listen } from '#support/listen.ts'
import { createCsrf, csrfField } from '#surfaces/page-kit/csrf.ts'

const issuer = 'http://localhost:3000'
const expired = 'This form has expired. Go back, reload the page and try again.'

/** GET shows a token; POST presents the one in the query, which stands for the form. */
function page({ keys = ['first key'], at = issuer } = {}): Koa.Middleware {
  const csrf = createCsrf({ issuer: at, keys })
  return (ctx) => {
    if (at.startsWith('https:')) ctx.cookies.secure = true
    if (ctx.method === 'POST') csrf.require(ctx, { [csrfField]: String(ctx.query.token ?? '') })
    ctx.body = ctx.method === 'POST' ? 'accepted' : csrf.token(ctx)
  }
}

type Send = Awaited<ReturnType<typeof listen>>

async function visit(send: Send) {
  const { headers, body } = await send('/')
  const [setCookie = ''] = headers['set-cookie'] ?? []
  return { setCookie, cookie: setCookie.split(';')[0] ?? '', token: body.toString() }
}

async function post(send: Send, token: string, headers: Record<string, string>) {
  const { status, body } = await send(`/?token=${encodeURIComponent(token)}`, headers, 'POST')
  return status === 200 ? body.toString() : `${status} ${body}`
}

describe('a form', () => {
  test('is accepted from the browser that was shown it', async () => {
    const send = await listen(page())
    const { cookie, token } = await visit(send)
    expect(await post(send, token, { cookie })).toBe('accepted')
    expect(await post(send, token, { cookie, origin: issuer, 'sec-fetch-site': 'same-origin' })).toBe('accepted')
  })

  test('is accepted with the opaque origin that browsers send under no-referrer', async () => {
    const send = await listen(page())
    const { cookie, token } = await visit(send)
    expect(await post(send, token, { cookie, origin: 'null', 'sec-fetch-site': 'same-origin' })).toBe('accepted')
  })

  test('is refused without a cookie, without a token, and with a made-up one', async () => {
    const send = await listen(page())
    const { cookie, token } = await visit(send)
    const answers = [
      await post(send, token, {}),
      await post(send, '', { cookie }),
      await post(send, 'x', { cookie }),
      await post(send, `${token}AAAA`, { cookie }),
      await post(send, Buffer.alloc(32).toString('base64url'), { cookie }),
    ]
    expect(new Set(answers)).toEqual(new Set([`403 ${expired}`]))
  })

  test('has another text in each answer, so that its length under compression tells nothing (BREACH)', async () => {
    const send = await listen(page())
    const { cookie, token } = await visit(send)
    const again = (await send('/', { cookie })).body.toString()
    expect(again).not.toBe(token)
    expect(again.slice(0, 16)).not.toBe(token.slice(0, 16))
    expect([await post(send, token, { cookie }), await post(send, again, { cookie })]).toEqual(['accepted', 'accepted'])
  })

  test('is refused with the token of another browser', async () => {
    const send = await listen(page())
    const [mine, theirs] = [await visit(send), await visit(send)]
    expect(mine.token).not.toBe(theirs.token)
    expect(await post(send, theirs.token, { cookie: mine.cookie })).toBe(`403 ${expired}`)
  })

  test('is refused from another site, even with the right token', async () => {
    const send = await listen(page())
    const { cookie, token } = await visit(send)
    const elsewhere: Record<string, string>[] = [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'cross-site', origin: 'null' },
      { origin: 'https://evil.example' },
      { origin: 'http://localhost:3001' },
    ]
    for (const headers of elsewhere) {
      expect([headers, await post(send, token, { cookie, ...headers })]).toEqual([headers, `403 ${expired}`])
    }
  })

  test('of before a key was added is still accepted; of a key that is gone, refused', async () => {
    const before = await visit(await listen(page({ keys: ['old key'] })))
    const during = await listen(page({ keys: ['new key', 'old key'] }))
    const after = await listen(page({ keys: ['new key'] }))
    expect(await post(during, before.token, { cookie: before.cookie })).toBe('accepted')
    expect(await post(after, before.token, { cookie: before.cookie })).toBe(`403 ${expired}`)
  })
})

describe('the browser’s cookie', () => {
  test('is out of reach for scripts and other sites, and is kept', async () => {
    const send = await listen(page())
    const { setCookie, cookie } = await visit(send)
    expect(setCookie).toMatch(/^gatehouse-browser=[\w-]{32}; path=\/; samesite=lax; httponly$/i)
    const again = await send('/', { cookie })
    expect(again.headers).not.toHaveProperty('set-cookie')
    expect(await post(send, again.body.toString(), { cookie })).toBe('accepted')
  })

  test('is bound to our host over https', async () => {
    const { setCookie } = await visit(await listen(page({ at: 'https://id.example' })))
    expect(setCookie).toMatch(/^__Host-gatehouse-browser=[\w-]{32}; path=\/; samesite=lax; secure; httponly$/i)
  })
})
