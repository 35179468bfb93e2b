import { createSocket } from 'node:dgram'

/** A name server that answers TXT questions from `records` (name → records of one or more parts); any other name doesn't exist. */
export interface NameServer {
  /** For `dnsTxtResolver`. */
  address: string
  records: Map<string, string[][]>
  /** Names that were asked for. */
  asked: string[]
  /** Says nothing any more. */
  fallSilent(): void
  stop(): void
}

const txt = 16
const recursive = 0x8180
const nameError = 3

/** Speaks as much of RFC 1035 §4.1 as one question takes. */
export function startNameServer(): Promise<NameServer> {
  const socket = createSocket('udp4')
  const records = new Map<string, string[][]>()
  const asked: string[] = []
  let silent = false
  socket.on('message', (message, from) => {
    const { name, end } = questionOf(message)
    asked.push(name)
    if (silent) return
    const found = records.get(name)
    const header = Buffer.alloc(12)
    message.copy(header, 0, 0, 2)
    header.writeUInt16BE(found ? recursive : recursive | nameError, 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(found?.length ?? 0, 6)
    const answers = (found ?? []).map(answerOf)
    socket.send(Buffer.concat([header, message.subarray(12, end), ...answers]), from.port, from.address)
  })
  return new Promise((resolve) => {
    socket.bind(0, '127.0.0.1', () =>
      resolve({
        address: `127.0.0.1:${socket.address().port}`,
        records,
        asked,
        fallSilent: () => {
          silent = true
        },
        stop: () => socket.close(),
      }),
    )
  })
}

function questionOf(message: Buffer): { name: string; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = message[at]!; length > 0; length = message[at]!) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length))
    at += length + 1
  }
  return { name: labels.join('.').toLowerCase(), end: at + 5 }
}

/** Of the question's name (a pointer to it), class IN, for a minute. */
function answerOf(parts: string[]): Buffer {
  const data = Buffer.concat(parts.flatMap((part) => [Buffer.from([part.length]), Buffer.from(part, 'latin1')]))
  const head = Buffer.from([0xc0, 12, 0, txt, 0, 1, 0, 0, 0, 60, 0, 0])
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}
