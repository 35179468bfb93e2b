import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { brotliCompress, gzip } from 'node:zlib'
import type Koa from 'koa'
import type { Route } from '#foundation/http/router.ts'
import { accentStyle } from '#foundation/values/accent.ts'

export interface Assets {
  routes: Route[]
  /** The address of an asset, which changes with its content. */
  url(name: string): string
  /** The address of the stylesheet that puts an organization's colour in the accent's place. @param color `#rrggbb` */
  accentUrl(color: string): string
}

interface Asset {
  type: string
  body: Buffer
  digest: string
  encoded: Partial<Record<'br' | 'gzip', Buffer>>
}

const prefix = '/assets/'
const forever = 'public, max-age=31536000, immutable'
const stylesheet = 'text/css; charset=utf-8'
const { resolve } = createRequire(import.meta.url)

/**
 * The stylesheets, and the files of `views/styles/` in the order in which they make them up: of two equal rules the later
 * holds. Whoever comes to sign in is sent the first alone; pages in a frame take both.
 */
const stylesheets = {
  'gatehouse.css': ['tokens', 'base', 'buttons', 'forms', 'marks', 'sign-in'],
  'framed.css': [
    'frame',
    'tables',
    'keys',
    'members',
    'log',
    'charts',
    'console',
    'connections',
    'grants',
    'reference',
    'print',
  ],
} as const

/** Styles, fonts, the mark and scripts, read and compressed once at the start and served under names with a hash. */
export async function createAssets(): Promise<Assets> {
  const files = new Map<string, Asset>()
  const urls = new Map<string, string>()

  async function add(name: string, type: string, body: Buffer) {
    const digest = digestOf(body)
    const url = urlOf(name, digest)
    urls.set(name, url)
    files.set(url, { type, body, digest, encoded: await encodings(type, body) })
    return url
  }

  const regular = await add('inter-400.woff2', 'font/woff2', font(400))
  const semibold = await add('inter-600.woff2', 'font/woff2', font(600))
  await add('mark.svg', 'image/svg+xml', view('styles/mark.svg'))
  await add('reveal.js', 'text/javascript; charset=utf-8', view('scripts/reveal.js'))
  const favicon = view('styles/favicon.ico')
  await add('copy.js', 'text/javascript; charset=utf-8', view('scripts/copy.js'))
  await add('narrow.js', 'text/javascript; charset=utf-8', view('scripts/narrow.js'))
  for (const [name, subjects] of Object.entries(stylesheets)) {
    const ground = name === 'gatehouse.css' ? [readFileSync(resolve('modern-normalize'))] : []
    const sheets = [...ground, ...subjects.map((subject) => view(`styles/${subject}.css`))]
    const style = sheets.join('').replace('{inter-400}', regular).replace('{inter-600}', semibold)
    await add(name, stylesheet, Buffer.from(squeezed(style)))
  }

  return {
    url(name) {
      const url = urls.get(name)
      if (!url) throw new Error(`no asset ${name}`)
      return url
    },
    accentUrl: (color) => accent(color).url,
    routes: [
      ['GET', `${prefix}:name`, (ctx) => serve(ctx, files.get(ctx.path) ?? accentAt(ctx.path))],
      ['GET', '/favicon.ico', (ctx) => serveFavicon(ctx, favicon)],
    ],
  }
}

function serve(ctx: Koa.Context, asset: Asset | undefined): void {
  if (!asset) return
  const { type, body, digest, encoded } = asset
  ctx.status = 200
  // Weak, for one tag stands for every encoding (RFC 9110 §8.8.1).
  ctx.set({ 'Cache-Control': forever, ETag: `W/"${digest}"`, Vary: 'Accept-Encoding' })
  ctx.type = type
  if (ctx.fresh) {
    ctx.status = 304
    return
  }
  const accepted = ctx.acceptsEncodings() as string[]
  const encoding = (['br', 'gzip'] as const).find((name) => encoded[name] && accepted.includes(name))
  if (encoding) ctx.set('Content-Encoding', encoding)
  ctx.body = (encoding && encoded[encoding]) ?? body
}

/** Browsers ask for it by this name, whatever a page says, and where no page of ours is: beside JSON and downloads. */
function serveFavicon(ctx: Koa.Context, body: Buffer): void {
  ctx.set('Cache-Control', 'public, max-age=86400')
  ctx.type = 'image/x-icon'
  ctx.body = body
}

/** An organization's colour is made into a stylesheet when it is asked for: small, and the same on every node. */
function accent(color: string): Asset & { url: string } {
  const body = Buffer.from(accentStyle(color))
  const digest = digestOf(body)
  return { type: stylesheet, body, digest, encoded: {}, url: urlOf(`accent-${color.slice(1)}.css`, digest) }
}

function accentAt(path: string): Asset | undefined {
  const color = /^\/assets\/accent-([0-9a-f]{6})\./.exec(path)?.[1]
  const asset = color ? accent(`#${color}`) : undefined
  return asset?.url === path ? asset : undefined
}

function digestOf(body: Buffer): string {
  return hash('sha256', body, 'hex').slice(0, 12)
}

function urlOf(name: string, digest: string): string {
  const dot = name.lastIndexOf('.')
  return `${prefix}${name.slice(0, dot)}.${digest}${name.slice(dot)}`
}

/** Comments and indentation are for readers of the file. */
function squeezed(css: string): string {
  return css.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\n\s*/g, '\n')
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
  return readFileSync(new URL(`../../../views/${name}`, import.meta.url))
}
