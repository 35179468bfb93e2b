import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type Koa from 'koa'

export const largestBodyBytes = 65_536

/** How long a client may take to read why its body was refused. */
const lingerMs = 2_000

/** The latest answer of each connection. */
const answers = new WeakMap<Socket, ServerResponse>()

export function rememberAnswer({ socket }: IncomingMessage, response: ServerResponse): void {
  answers.set(socket, response)
}

/** The answer that a connection is in the middle of. */
export function underWay(socket: Socket): ServerResponse | undefined {
  const answer = answers.get(socket)
  return answer?.writableFinished ? undefined : answer
}

/** Whether Content-Length alone tells that the body won't be taken. */
export function isAnnouncedTooLarge({ headers }: IncomingMessage, largest = largestBodyBytes): boolean {
  return Number(headers['content-length'] ?? 0) > largest
}

/**
 * The rest of an unwanted body is discarded, and its connection ends with the answer (`Connection: close`, RFC
 * 9112 §9.6): a request that came after it would wait for ever. Our side closes first and the rest is read for a moment
 * longer, because closing at once would reset the connection before a client that is still sending has read why.
 */
export function closeAfterAnswer(request: IncomingMessage): void {
  const { socket } = request
  const answer = answers.get(socket)
  if (!answer || answer.writableEnded) return
  answer.shouldKeepAlive = false
  socket.destroySoon = () => {
    socket.end()
    const destroy = () => void socket.destroy()
    setTimeout(destroy, lingerMs).unref()
    if (request.complete) destroy()
    else request.once('end', destroy).resume()
  }
}

/** An answer that was ready before the body had come, as for an unknown address, is the last one on its connection. */
export const closeOnUnreadBody: Koa.Middleware = async ({ req }, next) => {
  await next()
  if (hasBody(req) && !req.complete) closeAfterAnswer(req)
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
