import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { brotliCompress, gzip } from 'node:zlib'
import type Koa from 'koa'
import { accentStyle } from './accent.ts'

export interface Assets {
  middleware: Koa.Middleware
  /** The address of an asset, which changes with its content. */
  url(name: string): string
  /** The address of the stylesheet that puts an organization's colour in the accent's place. @param color `#rrggbb` */
  accentUrl(color: string): string
}

interface Asset {
  type: string
  body: Buffer
  etag: string
  encoded: Partial<Record<'br' | 'gzip', Buffer>>
}

const prefix = '/assets/'
const forever = 'public, max-age=31536000, immutable'
const { resolve } = createRequire(import.meta.url)

/** Styles, fonts and the mark, read and compressed once at the start and served under names with a hash. */
export async function createAssets(): Promise<Assets> {
  const files = new Map<string, Asset>()
  const urls = new Map<string, string>()

  async function add(name: string, type: string, body: Buffer) {
    const digest = hash('sha256', body, 'hex').slice(0, 12)
    const dot = name.lastIndexOf('.')
    const url = `${prefix}${name.slice(0, dot)}.${digest}${name.slice(dot)}`
    urls.set(name, url)
    files.set(url, { type, body, etag: `"${digest}"`, encoded: await encodings(type, body) })
    return url
  }

  const regular = await add('inter-400.woff2', 'font/woff2', font(400))
  const semibold = await add('inter-600.woff2', 'font/woff2', font(600))
  await add('mark.svg', 'image/svg+xml', view('styles/mark.svg'))
  const style = view('styles/gatehouse.css').toString().replace('{inter-400}', regular).replace('{inter-600}', semibold)
  const base = readFileSync(resolve('@picocss/pico/css/pico.classless.min.css'))
  await add('gatehouse.css', 'text/css; charset=utf-8', Buffer.concat([base, Buffer.from(style)]))

  return {
    url(name) {
      const url = urls.get(name)
      if (!url) throw new Error(`no asset ${name}`)
      return url
    },
    accentUrl: (color) => `${prefix}accent-${color.slice(1)}.css`,
    middleware: async (ctx, next) => {
      if (!ctx.path.startsWith(prefix) || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return next()
      const accent = /^\/assets\/accent-([0-9a-f]{6})\.css$/.exec(ctx.path)?.[1]
      const asset = accent ? accentAsset(accent) : files.get(ctx.path)
      if (!asset) return next()
      serve(ctx, asset)
    },
  }
}

function serve(ctx: Koa.Context, { type, body, etag, encoded }: Asset): void {
  ctx.status = 200
  ctx.set({ 'Cache-Control': forever, ETag: etag, Vary: 'Accept-Encoding' })
  ctx.type = type
  if (ctx.fresh) {
    ctx.status = 304
    return
  }
  const encoding = ctx.acceptsEncodings('br', 'gzip', 'identity')
  const compressed = encoding === 'br' || encoding === 'gzip' ? encoded[encoding] : undefined
  if (compressed) ctx.set('Content-Encoding', String(encoding))
  ctx.body = compressed ?? body
}

function accentAsset(color: string): Asset {
  return { type: 'text/css', body: Buffer.from(accentStyle(`#${color}`)), etag: `"${color}"`, encoded: {} }
}

/** A font is compressed already. */
async function encodings(type: string, body: Buffer): Promise<Asset['encoded']> {
  if (type === 'font/woff2') return {}
  const [br, gz] = await Promise.all([promisify(brotliCompress)(body), promisify(gzip)(body, { level: 9 })])
  return { br, gzip: gz }
}

function font(weight: number): Buffer {
  return readFileSync(resolve(`@fontsource/inter/files/inter-latin-${weight}-normal.woff2`))
}

function view(name: string): Buffer {
  return readFileSync(new URL(`../../views/${name}`, import.meta.url))
}
