import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { router } from '#foundation/http/router.ts'
import { securityHeaders } from '#foundation/http/security-headers.ts'
import { listen } from '#support/listen.ts'
import { type Assets, createAssets } from '#surfaces/page-kit/assets.ts'

let assets: Assets
beforeAll(async () => {
  assets = await createAssets()
})

const serve = () => listen(securityHeaders({ issuer: 'http://localhost:3000' }), router(assets.routes))

describe('assets', () => {
  test('are named by their content and kept for ever', async () => {
    const get = await serve()
    expect(assets.url('gatehouse.css')).toMatch(/^\/assets\/gatehouse\.[0-9a-f]{12}\.css$/)
    const { status, headers } = await get(assets.url('gatehouse.css'))
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'content-type': 'text/css; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
      vary: 'Accept-Encoding',
    })
  })

  test('are not sent again to a browser that has them', async () => {
    const get = await serve()
    const { etag } = (await get(assets.url('gatehouse.css'))).headers
    const again = await get(assets.url('gatehouse.css'), { 'If-None-Match': String(etag) })
    expect(again.status).toBe(304)
    expect(again.body).toHaveLength(0)
  })

  test('have the mark where browsers look for it beside what is no page', async () => {
    const get = await serve()
    const { status, headers, body } = await get('/favicon.ico')
    expect(status).toBe(200)
    expect(headers).toMatchObject({ 'content-type': 'image/x-icon', 'cache-control': 'public, max-age=86400' })
    expect(body.subarray(0, 4)).toEqual(Buffer.from([0, 0, 1, 0]))
  })

  test('come in brotli, else in gzip, else as they are', async () => {
    const get = await serve()
    const url = assets.url('gatehouse.css')
    const plain = await get(url)
    const brotli = await get(url, { 'Accept-Encoding': 'gzip, deflate, br' })
    const gzip = await get(url, { 'Accept-Encoding': 'gzip, br;q=0' })
    expect(plain.headers).not.toHaveProperty('content-encoding')
    expect(brotli.headers['content-encoding']).toBe('br')
    expect(gzip.headers['content-encoding']).toBe('gzip')
    expect(brotliDecompressSync(brotli.body).equals(plain.body)).toBe(true)
    expect(gunzipSync(gzip.body).equals(plain.body)).toBe(true)
  })

  test('of a page stay under 60 KB together, with gzip only', async () => {
    const get = await serve()
    let bytes = 0
    for (const name of ['gatehouse.css', 'inter-400.woff2', 'inter-600.woff2', 'mark.svg']) {
      bytes += (await get(assets.url(name), { 'Accept-Encoding': 'gzip' })).body.length
    }
    expect(bytes).toBeLessThan(55_000) // leaves 5 KB for the page itself, which is compressed as well
    const more = await get(assets.url('framed.css'), { 'Accept-Encoding': 'gzip' })
    expect(more.body.length).toBeLessThan(6_000)
  })

  test('a stylesheet names fonts that are there', async () => {
    const get = await serve()
    const style = (await get(assets.url('gatehouse.css'))).body.toString()
    const fonts = [...style.matchAll(/url\("(\/assets\/[^"]+)"\)/g)].map(([, url]) => String(url))
    expect(fonts).toHaveLength(2)
    for (const url of fonts) expect((await get(url)).headers['content-type']).toBe('font/woff2')
  })

  test('of another name, hash or place are not found', async () => {
    const get = await serve()
    const paths = [
      '/assets/',
      '/assets/gatehouse.css',
      '/assets/gatehouse.000000000000.css',
      '/assets/..%2f..%2fpackage.json',
      '/assets/accent-3b5bdb.css',
      '/assets/accent-3b5bdb.000000000000.css',
      '/assets/accent-zzzzzz.000000000000.css',
    ]
    for (const path of paths) {
      const { status, headers } = await get(path)
      expect([path, status, headers['cache-control']]).toEqual([path, 404, 'no-store'])
    }
  })

  test('an organization’s colour is a stylesheet of its own', async () => {
    const get = await serve()
    const { status, headers, body } = await get(assets.accentUrl('#0b7285'))
    expect(status).toBe(200)
    expect(headers['content-type']).toBe('text/css; charset=utf-8')
    expect(headers['cache-control']).toContain('immutable')
    expect(body.toString()).toContain('--accent:#0b7285')
  })

  test('an asset that does not exist is a mistake in a view', () => {
    expect(() => assets.url('nothing.css')).toThrow('nothing.css')
  })
})
