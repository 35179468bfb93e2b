import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { takeOverConsole } from '#foundation/log/console-log.ts'

test('what is said through console waits for the log, and what is known of the library is left out', () => {
  const { info, warn } = console
  onTestFinished(() => void Object.assign(console, { info, warn }))
  const lines: string[] = []
  const sendConsoleTo = takeOverConsole()
  console.warn('before there is a log')
  console.warn('oidc-provider WARNING: Unsupported runtime.')
  sendConsoleTo(pino({}, { write: (line: string) => void lines.push(JSON.parse(line).msg) }))
  console.info('afterwards')
  expect(lines).toEqual(['before there is a log', 'afterwards'])
})
