import { Readable } from 'node:stream'
import type Koa from 'koa'

/**
 * Answers with a file that is made while it is sent, as fast as it is read. When the caller is gone `chunks` is ended;
 * when `chunks` fails the connection breaks, so that half a file isn't taken for a whole one.
 */
export function sendDownload(
  ctx: Koa.Context,
  { mediaType, filename }: { mediaType: string; filename: string },
  chunks: AsyncIterable<string>,
): void {
  ctx.status = 200
  ctx.set('Content-Type', `${mediaType}; charset=utf-8`)
  ctx.set('Content-Disposition', `attachment; filename="${filename}"`)
  ctx.body = Readable.from(chunks)
}
