import { randomBytes } from 'node:crypto'
import { flag } from './command.ts'
import type { Terminal } from './terminal.ts'
import { UsageError } from './usage-error.ts'

/** The two ways to say a password besides typing it. */
export const passwordOptions = {
  passwordStdin: flag('read the password from stdin'),
  generate: flag('make one and print it this once'),
}

export interface NewPassword {
  password: string
  /** Made here, so that it has to be printed. */
  generated: boolean
}

/** @throws UsageError when both ways are asked for, or there is no terminal to type one on */
export async function newPassword(
  { passwordStdin, generate }: { passwordStdin: boolean; generate: boolean },
  terminal: Terminal,
): Promise<NewPassword> {
  if (passwordStdin && generate) throw new UsageError('--password-stdin and --generate exclude each other.')
  if (generate) return { password: randomBytes(18).toString('base64url'), generated: true }
  const password = await terminal.readSecret('New password: ', { stdin: passwordStdin })
  if (passwordStdin) return { password, generated: false }
  const again = await terminal.readSecret('Once more: ', { stdin: false })
  if (again !== password) throw new UsageError('The two passwords differ.')
  return { password, generated: false }
}
