import { customAlphabet } from 'nanoid'

const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const random = customAlphabet(base62, 20)

const prefixes = {
  user: 'usr',
  organization: 'org',
  membership: 'mem',
  team: 'team',
  invitation: 'inv',
  token: 'tok',
  apiKey: 'key',
  connection: 'con',
  identity: 'idn',
  client: 'cli',
  clientSecret: 'sec',
} as const

/** A new public identifier such as `usr_3kT…`: 119 random bits behind a prefix that says what it names. */
export function newId(kind: keyof typeof prefixes): string {
  return `${prefixes[kind]}_${random()}`
}
