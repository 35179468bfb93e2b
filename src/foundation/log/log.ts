import pino, { type Logger } from 'pino'

/** JSON lines on stdout; control characters are escaped by the encoding. */
export function createLog(level: string): Logger {
  return pino({ level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime })
}
