import { connect } from 'node:net'

export interface RawAnswer {
  /** 0 when the connection is cut without an answer. */
  status: number
  /** Everything that came, head and all. */
  text: string
}

/**
 * Bytes as they are, since no HTTP client would send them; resolves when the server has closed the connection.
 * @param bytes in several parts, each sent once the server has answered the one before
 */
export function exchange(port: number, ...bytes: string[]): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes.shift() ?? ''))
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
      const next = bytes.shift()
      if (next !== undefined) socket.write(next)
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), text }))
  })
}
