import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import {
  findProgram,
  makeTemporaryDirectory,
  removeStaleDirectories,
  startProgram,
  stopProgram,
  type TemporaryServer,
} from './temporary-server.ts'

/** The Redis on 127.0.0.1:6379, else one of our own on a free port, else undefined. */
export async function findOrStartRedis(): Promise<TemporaryServer | undefined> {
  const running = 'redis://127.0.0.1:6379'
  if (await answers(6379).catch(() => false)) return { url: running, stop: async () => {} }
  return startRedis()
}

/** A Redis of its own on a free port, for tests that stop it or configure it; undefined where none is installed. */
export async function startRedis(extraArguments: string[] = [], onPort?: number): Promise<TemporaryServer | undefined> {
  return start(onPort ?? (await freePort()), (port, directory) => [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', ''],
    ...['--unixsocket', join(directory, socketName)],
    ...extraArguments,
  ])
}

/** A Sentinel that watches the Redis at `primaryUrl` under this name. */
export async function startSentinel(primaryUrl: string, name: string): Promise<TemporaryServer | undefined> {
  return start(await freePort(), (port, directory) => {
    const file = join(directory, 'sentinel.conf')
    const { hostname, port: primaryPort } = new URL(primaryUrl)
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${directory}`,
      `unixsocket ${join(directory, socketName)}`,
      `sentinel monitor ${name} ${hostname} ${primaryPort} 1`,
    ]
    writeFileSync(file, lines.join('\n'))
    return [file, '--sentinel']
  })
}

const socketName = 'redis.sock'

async function start(
  port: number,
  makeArguments: (port: number, directory: string) => string[],
): Promise<TemporaryServer | undefined> {
  const program = findProgram('redis-server')
  if (!program) return undefined
  await removeStaleDirectories('redis', (directory) => command(join(directory, socketName), 'SHUTDOWN NOSAVE'))
  const directory = makeTemporaryDirectory('redis')
  const child = await startProgram(program, makeArguments(port, directory), {
    ready: async () => {
      if (!(await answers(port))) throw new Error('redis-server does not answer')
    },
  })
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      await stopProgram(child, 'SIGTERM')
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function answers(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1', timeout: 2_000 })
  socket.on('timeout', () => socket.destroy(new Error('no answer')))
  try {
    await once(socket, 'connect')
    socket.write('PING\r\n')
    const [answer] = await once(socket, 'data')
    return String(answer).startsWith('+PONG')
  } finally {
    socket.destroy()
  }
}

async function command(path: string, text: string): Promise<void> {
  const socket = connect({ path })
  await once(socket, 'connect')
  socket.write(`${text}\r\n`)
  await once(socket, 'close')
}
