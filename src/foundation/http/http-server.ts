import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import { closeAfterAnswer, isAnnouncedTooLarge, rememberAnswer, underWay } from './refused-body.ts'
import { directHeaders } from './security-headers.ts'

const slowestRequestMs = 10_000

const statuses: Record<string, number> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

/**
 * The node:http server: headers of at most 16 KB, a whole request within 10 s. What is no HTTP, or comes too slowly, is
 * the client's fault and is logged by its code alone: the bytes may hold a password, or another client's request.
 */
export function createHttpServer(
  { issuer, log }: { issuer: string; log: Logger },
  listener: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  const server = createServer(
    {
      maxHeaderSize: 16_384,
      headersTimeout: slowestRequestMs,
      requestTimeout: slowestRequestMs,
      // The default looks every 30 s only, so that 10 s would be up to 40.
      connectionsCheckingInterval: 1_000,
      keepAliveTimeout: 65_000,
    },
    (request, response) => {
      rememberAnswer(request, response)
      if (isAnnouncedTooLarge(request)) closeAfterAnswer(request)
      listener(request, response)
    },
  )
  const headers = headerLines(directHeaders(issuer))
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code !== 'ECONNRESET') log.info({ code: error.code }, 'malformed request refused')
    refuse(socket, statuses[error.code ?? ''] ?? 400, headers)
  })
  return server
}

const gone = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED'])

/** Whether an answer failed because its client has gone or sent what is no HTTP: nothing went wrong here. */
export function isOfClient({ code = '' }: NodeJS.ErrnoException): boolean {
  return gone.has(code) || code.startsWith('HPE_')
}

/** A client in the middle of an answer gets no second one into it. */
function refuse(socket: Socket, status: number, headers: string): void {
  if (socket.writable && !underWay(socket)?.headersSent) {
    socket.write(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${headers}Content-Length: 0\r\nConnection: close\r\n\r\n`,
    )
  }
  socket.destroySoon()
}

function headerLines(flat: readonly string[]): string {
  return flat.reduce((lines, text, index) => lines + text + (index % 2 === 0 ? ': ' : '\r\n'), '')
}
