import { connect, type Socket } from 'node:net'
import { parseArgs } from 'node:util'

/**
 * A load generator in a process of its own: keep-alive connections that each send the next prepared request when the
 * answer to the last has arrived. Raw sockets, because on two cores an HTTP client would be most of what is measured.
 * Reads a JSON job from standard input, prints a JSON result.
 */
export interface LoadJob {
  port: number
  connections: number
  seconds: number
  /** Whole HTTP/1.1 requests; each connection goes round them from its own place. */
  requests: string[]
  /**
   * For refresh grants: each connection sends its own request of the list, from the second time on with the refresh token
   * of its last answer.
   */
  chained?: boolean
}

export interface LoadResult {
  answers: number
  seconds: number
  /** Answers whose status was not 200. */
  failures: number
  /** Milliseconds. */
  p50: number
  p99: number
  /** Where each connection of a chained job arrived. */
  chainedRequests?: string[]
}

const { values } = parseArgs({ options: { run: { type: 'boolean' } } })
if (values.run) process.stdout.write(JSON.stringify(await run(JSON.parse(await readInput()))))

async function run(job: LoadJob): Promise<LoadResult> {
  const requests = job.requests.map((request) => Buffer.from(request))
  const latencies: number[] = []
  let failures = 0
  const chainedRequests = job.chained ? [...job.requests] : undefined
  const started = performance.now()
  const end = started + job.seconds * 1000
  await Promise.all(
    Array.from({ length: job.connections }, (_, index) => {
      let next = Math.floor((index * requests.length) / job.connections)
      const nextRequest = chainedRequests
        ? (answer: string) => {
            const token = /"refresh_token":"([\w-]+)"/.exec(answer)?.[1]
            const request = chainedRequests[index] ?? ''
            chainedRequests[index] = token ? request.replace(/refresh_token=[\w-]+/, `refresh_token=${token}`) : request
            return Buffer.from(chainedRequests[index])
          }
        : () => requests[next++ % requests.length]
      return converse(job.port, nextRequest, end, (milliseconds, ok) => {
        latencies.push(milliseconds)
        if (!ok) failures++
      })
    }),
  )
  latencies.sort((one, other) => one - other)
  const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0
  const seconds = (performance.now() - started) / 1000
  return { answers: latencies.length, seconds, failures, p50: at(0.5), p99: at(0.99), chainedRequests }
}

/** One connection until `end` (performance.now() milliseconds). */
function converse(
  port: number,
  nextRequest: (answer: string) => Buffer | undefined,
  end: number,
  onAnswer: (milliseconds: number, ok: boolean) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let sentAt = 0
    let received = ''
    const send = (answer: string) => {
      const request = nextRequest(answer)
      if (!request || performance.now() >= end) return void socket.end(resolve)
      sentAt = performance.now()
      socket.write(request)
    }
    socket.setEncoding('latin1')
    socket.on('connect', () => send(''))
    socket.on('error', reject)
    socket.on('data', (chunk: string) => {
      received += chunk
      if (!isWhole(received)) return
      onAnswer(performance.now() - sentAt, received.startsWith('HTTP/1.1 200'))
      const answer = received
      received = ''
      send(answer)
    })
  })
}

function isWhole(received: string): boolean {
  const head = received.indexOf('\r\n\r\n')
  if (head < 0) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(received.slice(0, head))
  return length !== null && received.length - head - 4 >= Number(length[1])
}

async function readInput(): Promise<string> {
  let input = ''
  for await (const chunk of process.stdin) input += chunk
  return input
}
