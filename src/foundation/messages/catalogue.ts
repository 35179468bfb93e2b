import { readdirSync, readFileSync } from 'node:fs'
import { IntlMessageFormat } from 'intl-messageformat'
import type access from '#messages/en/access.json'
import type account from '#messages/en/account.json'
import type apiKeys from '#messages/en/api-keys.json'
import type applications from '#messages/en/applications.json'
import type auditLog from '#messages/en/audit-log.json'
import type authenticationLog from '#messages/en/authentication-log.json'
import type clients from '#messages/en/clients.json'
import type connections from '#messages/en/connections.json'
import type consolePages from '#messages/en/console.json'
import type demo from '#messages/en/demo.json'
import type domains from '#messages/en/domains.json'
import type grants from '#messages/en/grants.json'
import type joining from '#messages/en/joining.json'
import type mails from '#messages/en/mails.json'
import type members from '#messages/en/members.json'
import type oauth from '#messages/en/oauth.json'
import type operations from '#messages/en/operations.json'
import type organizations from '#messages/en/organizations.json'
import type pageKit from '#messages/en/page-kit.json'
import type permissions from '#messages/en/permissions.json'
import type serviceAccounts from '#messages/en/service-accounts.json'
import type signIn from '#messages/en/sign-in.json'
import type signingKeys from '#messages/en/signing-keys.json'
import type teams from '#messages/en/teams.json'
import type users from '#messages/en/users.json'
import { fallbackLanguage, type Language, localeOf, markedLanguage } from './languages.ts'

/** The catalogues by room: `views/messages/<language>/<room>.json`. English says which entries there are. */
interface Rooms {
  access: typeof access
  account: typeof account
  'api-keys': typeof apiKeys
  applications: typeof applications
  'audit-log': typeof auditLog
  'authentication-log': typeof authenticationLog
  clients: typeof clients
  connections: typeof connections
  console: typeof consolePages
  demo: typeof demo
  domains: typeof domains
  grants: typeof grants
  joining: typeof joining
  mails: typeof mails
  members: typeof members
  oauth: typeof oauth
  operations: typeof operations
  organizations: typeof organizations
  'page-kit': typeof pageKit
  permissions: typeof permissions
  'service-accounts': typeof serviceAccounts
  'sign-in': typeof signIn
  'signing-keys': typeof signingKeys
  teams: typeof teams
  users: typeof users
}

/** `sign-in.consent.title`: the room, and the entry in its catalogue. */
export type MessageKey = { [Room in keyof Rooms]: `${Room}.${keyof Rooms[Room] & string}` }[keyof Rooms]

/** A text, or one that takes values (ICU MessageFormat). */
export type Entry = string | IntlMessageFormat

const folder = new URL('../../../views/messages/', import.meta.url)
const texts = new Map<Language, ReadonlyMap<string, string>>()
const entries = new Map<string, Entry>()

/** Moments are UTC, whatever the server's clock is set to. */
const inUtc = {
  date: { medium: { timeZone: 'UTC' }, long: { timeZone: 'UTC' } },
  time: { short: { timeZone: 'UTC' } },
} as const

/** An entry, parsed once. @throws when English has no such entry */
export function entryOf(language: Language, key: string): Entry {
  const name = `${language} ${key}`
  let entry = entries.get(name)
  if (entry === undefined) {
    entry = parsed(language, textOf(language, key))
    entries.set(name, entry)
  }
  return entry
}

/** The texts of a language as its catalogues have them, by key. */
export function textsOf(language: Language): ReadonlyMap<string, string> {
  let all = texts.get(language)
  if (!all) {
    all = new Map(roomsOf(language).flatMap((room) => textsOfRoom(language, room)))
    texts.set(language, all)
  }
  return all
}

function textOf(language: Language, key: string): string {
  const written = language === markedLanguage ? fallbackLanguage : language
  const text = textsOf(written).get(key) ?? textsOf(fallbackLanguage).get(key)
  if (text === undefined) throw new Error(`no message ${key}`)
  return language === markedLanguage ? `⟦${text}⟧` : text
}

function parsed(language: Language, text: string): Entry {
  return /[{<']/.test(text) ? new IntlMessageFormat(text, localeOf(language), inUtc) : text
}

function roomsOf(language: Language): string[] {
  return readdirSync(new URL(`${language}/`, folder)).map((name) => name.replace(/\.json$/, ''))
}

function textsOfRoom(language: Language, room: string): [key: string, text: string][] {
  const catalogue: Record<string, string> = JSON.parse(
    readFileSync(new URL(`${language}/${room}.json`, folder), 'utf8'),
  )
  return Object.entries(catalogue).map(([name, text]) => [`${room}.${name}`, text])
}
