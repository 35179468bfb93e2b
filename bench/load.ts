import { connect } from 'node:net'
import { parseArgs } from 'node:util'
import { type Conversation, conversation, type Speech } from './conversations.ts'

/**
 * A load generator in a process of its own: keep-alive connections that each say the next thing when the answer to the
 * last has arrived. Raw sockets, because on two cores an HTTP client would be most of what is measured.
 * Reads a JSON job from standard input, prints a JSON result.
 */
export interface LoadJob {
  port: number
  connections: number
  seconds: number
  speech: Speech
}

export interface LoadResult {
  /** Units of work that ended with 200. */
  answers: number
  /** Those that ended with 503, after which a connection waits as long as it was told to. */
  busy: number
  /** Those that ended with anything else. */
  failures: number
  seconds: number
  /** Milliseconds, of what ended with 200. */
  p50: number
  p99: number
  /** Where a conversation that goes on from its last answer arrived. */
  speech: Speech
}

const { values } = parseArgs({ options: { run: { type: 'boolean' } } })
if (values.run) {
  process.stdout.write(JSON.stringify(await run(JSON.parse(await readInput()))), () => process.exit(0))
}

async function run({ port, connections, seconds, speech }: LoadJob): Promise<LoadResult> {
  const latencies: number[] = []
  let busy = 0
  let failures = 0
  const count = (status: string, milliseconds: number) => {
    if (status === '200') latencies.push(milliseconds)
    else if (status === '503') busy++
    else failures++
  }
  const started = performance.now()
  const end = started + seconds * 1000
  await Promise.all(
    Array.from({ length: connections }, (_, index) =>
      converse(port, conversation(speech, index, connections), end, count),
    ),
  )
  latencies.sort((one, other) => one - other)
  const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0
  const took = (performance.now() - started) / 1000
  return { answers: latencies.length, busy, failures, seconds: took, p50: at(0.5), p99: at(0.99), speech }
}

/** One connection until `end` (performance.now() milliseconds). */
function converse(
  port: number,
  { begin, follow }: Conversation,
  end: number,
  count: (status: string, milliseconds: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let begunAt = 0
    let received = ''
    const beginNext = () => {
      if (performance.now() >= end) return void socket.end(resolve)
      begunAt = performance.now()
      socket.write(begin())
    }
    socket.setEncoding('latin1')
    socket.on('connect', beginNext)
    socket.on('error', reject)
    socket.on('data', (chunk: string) => {
      received += chunk
      if (!isWhole(received)) return
      const answer = received
      received = ''
      const more = follow?.(answer)
      if (more) return void socket.write(more)
      const status = answer.slice(9, 12)
      count(status, performance.now() - begunAt)
      if (status === '503') setTimeout(beginNext, Math.max(0, Math.min(retryAfterMs(answer), end - performance.now())))
      else beginNext()
    })
  })
}

function isWhole(received: string): boolean {
  const head = received.indexOf('\r\n\r\n')
  if (head < 0) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(received.slice(0, head))
  return length !== null && received.length - head - 4 >= Number(length[1])
}

function retryAfterMs(answer: string): number {
  return 1000 * Number(/\r\nretry-after: (\d+)/i.exec(answer)?.[1] ?? 1)
}

async function readInput(): Promise<string> {
  let input = ''
  for await (const chunk of process.stdin) input += chunk
  return input
}
