import { randomUUID } from 'node:crypto'
import type { Config } from '#foundation/config/config.ts'
import { hostOf, senderFrom } from '#foundation/outbox/sender.ts'
import { describeFailure, smtpTransport, tryMailServer } from '#foundation/outbox/transport.ts'
import { type Finding, findingsOf } from './finding.ts'

/** @param to to whom a mail is sent, where one is asked for */
export async function checkMail(config: Config, to: string | undefined): Promise<Finding[]> {
  const { findings, ok, warn, fail } = findingsOf('mail')
  const { smtpUrl } = config
  if (!smtpUrl) {
    if (config.production) {
      fail(
        'SMTP_URL is not set: mails go into a directory, so nobody gets an invitation or a link to a new password',
        'Set SMTP_URL and MAIL_FROM.',
      )
    } else ok(`no mail server: mails are written to ${config.dataDir}/outbox`)
    return findings
  }
  if (!config.mailFrom) warn('MAIL_FROM is not set', 'Set it to an address that your mail server may send from.')
  try {
    await tryMailServer(smtpUrl)
    if (to !== undefined) await sendTo(to, smtpUrl, config)
    ok(to === undefined ? 'the mail server takes us' : `the mail server has taken a mail to ${to}`)
  } catch (error) {
    fail(
      `the mail server does not take us: ${describeFailure(error).description}`,
      'Check SMTP_URL: host, port, user and password, smtps: for TLS from the start.',
    )
  }
  return findings
}

async function sendTo(to: string, smtpUrl: string, { mailFrom, issuer }: Config): Promise<void> {
  const id = randomUUID()
  const text = `This is a test of the mail server, sent by gatehouse doctor for ${issuer}. Nothing is to be done.`
  const transport = smtpTransport(smtpUrl)
  try {
    const mail = {
      id,
      messageId: `<${id}@${hostOf(issuer)}>`,
      from: senderFrom(mailFrom, issuer),
      to,
      date: new Date(),
      subject: 'Gatehouse can send mail',
      text,
      html: `<p>${text}</p>`,
    }
    await transport.send(mail, AbortSignal.timeout(30_000))
  } finally {
    transport.close()
  }
}
