import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { SMTPServer } from 'smtp-server'
import { freePort } from './free-port.ts'
import { type ReadMail, readMail } from './read-mail.ts'

export interface ReceivedMail extends ReadMail {
  /** Envelope, not headers. */
  from: string
  to: string[]
  raw: string
}

export interface MailServer {
  /** For `SMTP_URL`. */
  readonly url: string
  readonly port: number
  /** In the order of their arrival. */
  readonly mails: ReceivedMail[]
  stop(): Promise<void>
}

interface Behaviour {
  port?: number
  /** TLS from the first byte, with a certificate that nobody knows. */
  secure?: boolean
  /** The answer to RCPT TO, such as 550; undefined accepts. */
  refuseRecipient?: (address: string) => number | undefined
  /** Mails that are taken and never answered. */
  hangOn?: (to: string[]) => boolean
}

/** A mail server that keeps what it gets. */
export async function startMailServer(behaviour: Behaviour = {}): Promise<MailServer> {
  const port = behaviour.port ?? (await freePort())
  const mails: ReceivedMail[] = []
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    secure: behaviour.secure ?? false,
    closeTimeout: 100,
    logger: false,
    onRcptTo({ address }, _session, answer) {
      const responseCode = behaviour.refuseRecipient?.(address)
      if (responseCode) answer(Object.assign(new Error(`no mail for ${address}`), { responseCode }))
      else answer()
    },
    async onData(stream, { envelope }, answer) {
      const raw = await text(stream)
      const to = envelope.rcptTo.map(({ address }) => address)
      if (behaviour.hangOn?.(to)) return
      const from = envelope.mailFrom ? envelope.mailFrom.address : ''
      mails.push({ ...readMail(raw), raw, from, to })
      answer()
    },
  })
  // A client that doesn't trust the certificate hangs up.
  server.on('error', () => {})
  server.listen(port, '127.0.0.1')
  await once(server.server, 'listening')
  return {
    url: `${behaviour.secure ? 'smtps' : 'smtp'}://127.0.0.1:${port}`,
    port,
    mails,
    stop: () => new Promise((resolve) => server.close(resolve)),
  }
}
