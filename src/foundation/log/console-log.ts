import type { Logger } from 'pino'

type Level = 'info' | 'warn'

/** The runtime is pinned and tested newer than the library knows; a body is read before it on purpose (token-request.ts). */
const expected = /Unsupported runtime|already parsed request body/

/**
 * Takes over console.info and console.warn, by which oidc-provider tells the operator things, the first while it is
 * imported: called before that, it keeps stdout and stderr to lines of the log.
 * @returns gives the log to them: what was said meanwhile is told first
 */
export function takeOverConsole(): (log: Logger) => void {
  const waiting: [Level, string][] = []
  let write = (level: Level, message: string): void => void waiting.push([level, message])
  const teller = (level: Level) => (message: unknown) => {
    if (!expected.test(String(message))) write(level, String(message))
  }
  console.info = teller('info')
  console.warn = teller('warn')
  return (log) => {
    write = (level, message) => log[level](message)
    for (const [level, message] of waiting.splice(0)) write(level, message)
  }
}
