import { once } from 'node:events'
import { type IncomingHttpHeaders, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import Koa from 'koa'
import { onTestFinished } from 'vitest'
import { GatehouseError } from '#foundation/errors.ts'
import { statusOfCode } from '#foundation/http/problem-details.ts'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

/** Serves middleware on a port of its own until the test ends; a refusal becomes its status and message. */
export async function listen(...middleware: Koa.Middleware[]) {
  const app = new Koa()
  app.silent = true
  app.use(refusalsAsText)
  for (const one of middleware) app.use(one)
  const server = app.listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return (path: string, headers: Record<string, string> = {}, method = 'GET') => send(port, path, headers, method)
}

async function refusalsAsText(ctx: Koa.Context, next: Koa.Next): Promise<void> {
  try {
    await next()
  } catch (error) {
    if (!(error instanceof GatehouseError)) throw error
    ctx.status = statusOfCode[error.code]
    ctx.body = error.message
  }
}

/** Not `fetch`, which decompresses and forbids the headers that a browser sets itself. */
function send(port: number, path: string, headers: Record<string, string>, method: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, headers, method, agent: false }, async (response) => {
      const chunks = await response.toArray()
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) })
    })
    sent.on('error', reject).end()
  })
}
