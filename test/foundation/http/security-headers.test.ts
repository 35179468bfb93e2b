import { expect, test } from 'vitest'
import { allowFormTargets, contentSecurityPolicy, securityHeaders } from '#foundation/http/security-headers.ts'
import { listen } from '#support/listen.ts'

test('the policy runs nothing inline, is framed by nobody and submits only to us', () => {
  const policy = contentSecurityPolicy()
  expect(policy).not.toContain('unsafe')
  expect(policy.split('; ')).toEqual(
    expect.arrayContaining([
      "default-src 'none'",
      "style-src 'self'",
      "script-src 'self'",
      "form-action 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
    ]),
  )
})

test('a form may end up where its client waits: an origin, or a native app’s scheme', () => {
  const policy = contentSecurityPolicy(['https://app.example', 'https://app.example', 'com.example.app:'])
  expect(policy).toContain("form-action 'self' https://app.example com.example.app:;")
})

test('every answer carries the headers, refusals too', async () => {
  const get = await listen(securityHeaders({ issuer: 'https://id.example' }))
  const { status, headers } = await get('/nothing-here')
  expect(status).toBe(404)
  expect(headers).toMatchObject({
    'content-security-policy': contentSecurityPolicy(),
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cache-control': 'no-store',
    'strict-transport-security': 'max-age=63072000; includeSubDomains',
  })
})

test('no HSTS over plain http, where it would lock a developer out of localhost', async () => {
  const get = await listen(securityHeaders({ issuer: 'http://localhost:3000' }))
  expect((await get('/')).headers).not.toHaveProperty('strict-transport-security')
})

test('an answer that is already made can be allowed another form target', async () => {
  const get = await listen(securityHeaders({ issuer: 'http://localhost:3000' }), (ctx) => {
    allowFormTargets(ctx, ['https://app.example'])
    ctx.body = 'form'
  })
  const { headers } = await get('/')
  expect(headers['content-security-policy']).toBe(contentSecurityPolicy(['https://app.example']))
})
