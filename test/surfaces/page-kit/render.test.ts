import { readdirSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { contentSecurityPolicy, securityHeaders } from '#foundation/http/security-headers.ts'
import { listen } from '#support/listen.ts'
import { type Assets, createAssets } from '#surfaces/page-kit/assets.ts'
import { createCsrf } from '#surfaces/page-kit/csrf.ts'
import { createRenderer } from '#surfaces/page-kit/render.ts'

const issuer = 'http://localhost:3000'
const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>`

const brand = { name: hostile, logoUrl: `https://logo.example/"><script>`, accentColor: '#0b7285' }
const person = { userName: hostile, email: hostile, clientName: hostile, notYouUrl: '/not-you', error: hostile, brand }
const device = { action: '/device', xsrf: hostile, userCode: hostile, clientName: hostile, error: hostile }
const link = { name: hostile, label: hostile, href: hostile, test: hostile }

/** Every view, with something hostile wherever a value comes from outside. */
const samples: Record<string, Record<string, unknown>> = {
  'sign-in/login': {
    ...person,
    action: '/login',
    connections: [link],
    connectionAction: '/connection',
    ssoUrl: hostile,
    anotherWayUrl: hostile,
    links: [link],
  },
  'sign-in/password': {
    ...person,
    action: '/login',
    connections: [link],
    connectionAction: '/connection',
    forgotUrl: hostile,
  },
  'sign-in/sso-required': {
    ...person,
    organizationName: hostile,
    connections: [link],
    connectionAction: '/connection',
    anotherWayUrl: '/other',
  },
  'sign-in/leave': {
    ...person,
    clientName: hostile,
    connections: [link],
    connectionAction: '/connection',
    host: hostile,
    signedInAs: hostile,
    anotherWayUrl: '/other',
  },
  'sign-in/replace-person': {
    ...person,
    signedInAs: hostile,
    connectionLabel: hostile,
    host: hostile,
    clientName: hostile,
    action: '/replace',
    abortAction: '/abort',
  },
  'sign-in/link-account': { ...person, connectionLabel: hostile, action: '/prove', mailAction: '/prove/mail' },
  'sign-in/select-organization': {
    ...person,
    action: '/organization',
    search: { q: hostile, action: '/interaction' },
    organizations: [
      { id: hostile, slug: hostile, name: hostile, details: [hostile], brand },
      { id: 'org_1', slug: 'plain', name: '', details: ['admin'], brand: { name: '' } },
    ],
  },
  'sign-in/no-organization': {
    ...person,
    suspended: [hostile],
    foundAction: '/new-organization',
    organization: hostile,
    abortAction: '/abort',
    signOutUrl: '/oauth/logout',
  },
  'sign-in/consent': {
    ...person,
    clientLogoUri: hostile,
    policyUri: hostile,
    termsUri: hostile,
    organizationName: hostile,
    abilities: [{ title: hostile, detail: 'openid' }],
    redirectOrigin: hostile,
    action: '/consent',
    abortAction: '/abort',
  },
  'page-kit/error': { title: hostile, message: hostile, hint: hostile, code: hostile, requestId: hostile, back: link },
  'oauth/sign-out': { clientName: hostile, action: '/sign-out', xsrf: hostile },
  'oauth/signed-out': { clientName: hostile, clientUri: hostile },
  'oauth/device-code': device,
  'oauth/device-confirm': device,
  'oauth/device-done': { clientName: hostile },
  'page-kit/not-signed-in': { refused: true },
  'operations/home': { issuer, demo: true },
  'demo/start': {
    people: [{ name: hostile, email: hostile, note: hostile }],
    organizations: [{ slug: hostile, name: hostile }],
    action: '/demo/sign-in',
  },
  'demo/result': {
    claims: { sub: hostile, name: hostile, org_name: hostile, exp: 1_795_300_000, [hostile]: { nested: hostile } },
    introspection: { permissions: [hostile], data_scopes: [{ source: hostile, scope_id: hostile }] },
    accessToken: hostile,
    expiresAt: new Date(0),
    hasRefreshToken: true,
  },
  'demo/signed-out': {},
  'sign-in/ended': {},
  'operations/health': {
    status: 'degraded',
    mails: { waiting: 2, givenUp: 1 },
    jobs: [{ name: hostile, isRunning: true, dueAt: new Date(0) }],
    node: hostile,
  },
  'operations/mail': {
    mails: [
      {
        template: hostile,
        state: 'waiting',
        attempts: 2,
        createdAt: new Date(0),
        nextAttemptAt: new Date(0),
        lastError: hostile,
      },
    ],
  },
}

/** The one script that the layout brings, to pages with a password. */
const revealing = /<script src="\/assets\/reveal\.[0-9a-f]{12}\.js" defer><\/script>/

let assets: Assets
beforeAll(async () => {
  assets = await createAssets()
})

async function show(view: string, locals = samples[view], options?: { status?: number; formAction?: string[] }) {
  const render = createRenderer({ issuer, assets, csrf: createCsrf({ issuer, keys: ['key'] }) })
  const get = await listen(securityHeaders({ issuer }), (ctx) => render(ctx, view, locals ?? {}, options))
  const answer = await get('/')
  return { ...answer, html: answer.body.toString() }
}

describe.each(Object.keys(samples))('%s', (view) => {
  test('shows hostile values as text', async () => {
    const { status, html } = await show(view)
    expect(status).toBe(200)
    expect(html.replace(revealing, '')).not.toMatch(/<script|<img src=x/i)
    expect(html).not.toMatch(/<[^>]*\son\w+=(?![^<]*&)/i)
  })

  test('needs no script and no inline style, and labels what is wrong', async () => {
    const { html } = await show(view)
    expect(html).not.toMatch(/\sstyle=|<style/)
    expect(html.match(/<h1/g)).toHaveLength(1)
    expect(html).toContain('data-test="')
    for (const [, id] of html.matchAll(/aria-describedby="([^"]+)"/g)) expect(html).toContain(`id="${id}"`)
  })
})

test('every view of a page of this part is in the list above', () => {
  const files = ['page-kit/', 'oauth/', 'sign-in/', 'operations/', 'demo/'].flatMap((folder) =>
    readdirSync(new URL(`../../../views/${folder}`, import.meta.url))
      .filter((name) => name.endsWith('.ejs') && name !== 'layout.ejs')
      .map((name) => `${folder}${name.slice(0, -'.ejs'.length)}`),
  )
  expect(Object.keys(samples).sort()).toEqual(files.sort())
})

test('forms of an interaction carry the token that the browser’s cookie vouches for', async () => {
  const { html, headers } = await show('sign-in/login')
  expect(headers['set-cookie']?.[0]).toMatch(/^gatehouse-browser=/)
  expect(html).toMatch(/name="_csrf" value="[\w-]{86}"/)
})

test('a page is compressed for whoever takes it', async () => {
  const render = createRenderer({ issuer, assets, csrf: createCsrf({ issuer, keys: ['key'] }) })
  const get = await listen((ctx) => render(ctx, 'page-kit/error', samples['page-kit/error'] ?? {}))
  const plain = await get('/')
  expect(plain.headers).not.toHaveProperty('content-encoding')
  const { headers, body } = await get('/', { 'Accept-Encoding': 'gzip, deflate, br' })
  expect(headers).toMatchObject({
    'content-encoding': 'gzip',
    'content-type': 'text/html; charset=utf-8',
    vary: 'Accept-Language, Accept-Encoding',
  })
  expect(gunzipSync(body).toString()).toContain('<h1')
  // What comes after a form may show a secret.
  expect((await get('/', { 'Accept-Encoding': 'gzip' }, 'POST')).headers).not.toHaveProperty('content-encoding')
})

test('a page is html, not stored, with the status and the form targets it was given', async () => {
  const { status, headers } = await show('page-kit/error', samples['page-kit/error'], {
    status: 404,
    formAction: ['https://app.example'],
  })
  expect(status).toBe(404)
  expect(headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': contentSecurityPolicy(['https://app.example']),
  })
})

test('the heading is the title, and the brand brings its stylesheet', async () => {
  const { html } = await show('sign-in/login', {
    ...samples['sign-in/login'],
    brand: { name: 'Acme & Sons', accentColor: '#0b7285' },
  })
  expect(html).toContain('<title>Sign in · Acme &amp; Sons</title>')
  expect(html).toContain(`<link rel="stylesheet" href="${assets.accentUrl('#0b7285')}">`)
})

test('what a page was not given falls back to Gatehouse’s own', async () => {
  const { html } = await show('oauth/signed-out', { brand: undefined })
  expect(html).toContain('<title>You are signed out · Gatehouse</title>')
  expect(html).not.toContain('/assets/accent-')
})
