import { readFile } from 'node:fs/promises'
import { customAlphabet } from 'nanoid'
import { type ApplyOptions, applySetup } from '#authentication/setup/apply-setup.ts'
import type { Setup } from '#authentication/setup/setup.ts'
import { listClients } from '#directory/clients/client-queries.ts'
import { hasOrganization } from '#directory/organizations/organization-queries.ts'
import type { SystemActor } from '#directory/users/actor.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { type Message, message } from '#foundation/messages/message.ts'
import { parseSetupFile } from './setup-file.ts'

/** A person to sign in as; the password is known at this moment only. */
export interface DemoAccount {
  email: string
  name: string
  password: string
  /** What there is to see. */
  note: Message
}

interface DemoOptions {
  /** The server's own address: the demo's relying party lives there. */
  issuer: string
  /** The secret of a demo client, the same at every start: the server's own demo pages use it too. */
  secretFor: (clientId: string) => string
  encryption: Encryption
}

const actor: SystemActor = { system: 'setup_file', name: 'demo' }

const people = [
  { email: 'ada@acme.test', variable: 'PASSWORD_ADA', note: message('demo.note.ada') },
  { email: 'grace@globex.test', variable: 'PASSWORD_GRACE', note: message('demo.note.grace') },
  { email: 'paul@acme.test', variable: 'PASSWORD_PAUL', note: message('demo.note.paul') },
  { email: 'nobody@example.test', variable: 'PASSWORD_NOBODY', note: message('demo.note.nobody') },
  { email: 'root@example.test', variable: 'PASSWORD_ROOT', note: message('demo.note.root') },
]

const secrets = [
  { clientId: 'inventory-api', variable: 'INVENTORY_API_SECRET' },
  { clientId: 'reports-api', variable: 'REPORTS_API_SECRET' },
  { clientId: 'nightly-export', variable: 'NIGHTLY_EXPORT_SECRET' },
]

/** 16 characters of 31 (79 bits), none of which is mistaken for another. */
const passwordGroup = customAlphabet('abcdefghjkmnpqrstuvwxyz23456789', 4)

/**
 * Fills an empty database with the demo. Where there is an organization already nothing is loaded; only the demo's
 * relying party follows the server to a new address.
 * @returns who can sign in, with generated passwords; empty when nothing was loaded
 */
export async function loadDemo(db: Queryable, options: DemoOptions): Promise<DemoAccount[]> {
  const passwords = new Map(people.map(({ variable }) => [variable, newPassword()]))
  const setup = await readDemo(options, passwords)
  const applyOptions = { actor, encryption: options.encryption, outboundAllowedHosts: [] }
  if (await hasOrganization(db)) {
    await followIssuer(db, setup, applyOptions)
    return []
  }
  await applySetup(db, setup, applyOptions)
  const names = new Map(setup.values.users?.map((user) => [user.email, user.name]))
  return people.map(({ email, variable, note }) => ({
    email,
    name: names.get(email) ?? email,
    password: passwords.get(variable) ?? '',
    note,
  }))
}

async function readDemo({ issuer, secretFor }: DemoOptions, passwords: ReadonlyMap<string, string>): Promise<Setup> {
  const text = await readFile(new URL('./demo.yaml', import.meta.url), 'utf8')
  const environment = {
    ...Object.fromEntries(passwords),
    ...Object.fromEntries(secrets.map(({ clientId, variable }) => [variable, secretFor(clientId)])),
  }
  return parseSetupFile(text.replaceAll('{ISSUER}', issuer), 'demo.yaml', environment)
}

/** Another port is another redirect URI. A demo client that was removed stays removed. */
async function followIssuer(db: Queryable, setup: Setup, options: ApplyOptions): Promise<void> {
  const entry = setup.values.clients?.find((client) => client.client_id === 'demo')
  const [client] = await listClients(db, { clientIds: ['demo'] })
  if (!entry || !client || String(client.metadata.redirect_uris) === String(entry.redirect_uris)) return
  await applySetup(db, { ...setup, values: { clients: [entry] } }, options)
}

function newPassword(): string {
  return Array.from({ length: 4 }, () => passwordGroup()).join('-')
}
