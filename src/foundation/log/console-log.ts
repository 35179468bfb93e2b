import type { Logger } from 'pino'

type Level = 'info' | 'warn'

/**
 * oidc-provider tells the operator things through console, the first while it is imported. Whoever imports this before it
 * keeps stdout and stderr to lines of the log: what was said before there is a log waits for it.
 */
const waiting: [Level, string][] = []

/** The runtime is pinned and tested newer than the library knows; a body is read before it on purpose (token-request.ts). */
const expected = /Unsupported runtime|already parsed request body/
let write = (level: Level, message: string): void => void waiting.push([level, message])

console.info = (message: unknown) => tell('info', String(message))
console.warn = (message: unknown) => tell('warn', String(message))

function tell(level: Level, message: string): void {
  if (!expected.test(message)) write(level, message)
}

/** From now on what is said through console is a line of the log, and what waited is told first. */
export function sendConsoleTo(log: Logger): void {
  write = (level, message) => log[level](message)
  for (const [level, message] of waiting.splice(0)) write(level, message)
}
