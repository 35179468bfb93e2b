import type { Config } from '#foundation/config/config.ts'
import { english } from '#foundation/messages/translator.ts'
import type { DemoAccount } from '#surfaces/setup/demo.ts'

/** What to open and what to try; passwords are told once, when they are made. Empty outside the demo. */
export function bannerFor(accounts: DemoAccount[], config: Config): string {
  if (!config.demo) return ''
  const open = `  Open ${config.issuer}/demo and sign in.\n`
  if (accounts.length === 0) {
    return `\n  Gatehouse, with the demo data of an earlier start\n\n${open}\n`
  }
  const width = Math.max(...accounts.map((account) => account.email.length))
  const people = accounts.map(
    ({ email, password, note }) => `    ${email.padEnd(width)}  ${password}  ${english(note)}`,
  )
  return `
  Gatehouse, with demo data

${open}
${people.join('\n')}

  These passwords are shown only now. To start over: stop, remove ${config.dataDir}, start.

`
}

/** The way in to a deployment that has no user yet. It goes to the terminal and never to the log. */
export function firstSuperadminNotice(link: string): string {
  return `
  Nobody can sign in yet. Create the first superadmin within the hour:

  ${link}

  The link works once. While there is no user, each start makes a new one.

`
}
