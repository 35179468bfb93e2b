import { spawn } from 'node:child_process'
import { freePort } from '#support/free-port.ts'
import { atMost, type Row } from '../finding.ts'
import { median } from '../measure.ts'
import { options } from '../options.ts'
import { afterwards, stop } from '../processes.ts'
import { temporaryDirectory } from '../targets/gatehouse.ts'

/** As a newcomer starts it: embedded, with the demo's people, whose passwords are told once. */
export const startRow: Row = {
  name: 'start',
  async measure() {
    const first: number[] = []
    const warm: number[] = []
    for (let round = 0; round < options.rounds; round++) {
      const dataDir = temporaryDirectory()
      const beginning = await secondsToReady(dataDir)
      if (!beginning.said.includes('Gatehouse makes a database'))
        throw new Error('the first start does not say what it does')
      first.push(beginning.seconds)
      warm.push((await secondsToReady(dataDir)).seconds)
    }
    return [
      atMost('start, warm, embedded, to ready', 2, median(warm), { unit: 's' }),
      atMost('first start with demo data, to ready', 6, median(first), { unit: 's' }),
    ]
  },
}

async function secondsToReady(dataDir: string): Promise<{ seconds: number; said: string }> {
  const port = await freePort()
  const started = performance.now()
  const child = spawn(process.execPath, ['src/main.ts'], {
    env: { PATH: process.env.PATH, DATA_DIR: dataDir, PORT: String(port), LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  afterwards(() => stop(child))
  let said = ''
  for await (const chunk of child.stdout) {
    said += chunk
    if (said.includes('gatehouse ready')) break
  }
  const seconds = (performance.now() - started) / 1000
  await stop(child)
  return { seconds, said }
}
