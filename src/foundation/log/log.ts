import pino, { type DestinationStream, type Logger } from 'pino'

/**
 * JSON lines; control characters are escaped by the encoding.
 * @param to stdout where it isn't given
 */
export function createLog(level: string, to?: DestinationStream): Logger {
  const options = { level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err: plainError } }
  return to ? pino(options, to) : pino(options)
}

/**
 * What an error says and where it came from. Its other members stay out: node:http hangs the bytes of a malformed
 * request on its errors (`rawPacket`), PostgreSQL the values of a row (`detail`).
 */
function plainError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) }
  const { name, message, stack, cause } = error
  const { code } = error as { code?: unknown }
  return {
    type: name,
    message,
    stack,
    ...(code !== undefined && { code }),
    ...(cause !== undefined && { cause: plainError(cause) }),
  }
}
