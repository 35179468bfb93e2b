import { insertConnection } from '#authentication/connections/save-connection.ts'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import { newId } from '#foundation/crypto/ids.ts'
import type { Connection } from '#foundation/database/schema.ts'
import { Browser } from './browser.ts'
import type { Gatehouse } from './gatehouse.ts'
import { type IdentityProvider, upstreamClient } from './identity-provider.ts'
import { beginSignIn } from './relying-party.ts'

type Described = Partial<Omit<Connection, 'id' | 'clientSecret' | 'organizationId'>> & {
  name: string
  /** Slug; absent: the whole deployment's. */
  organization?: string
  clientSecret?: string | null
  /** Teams by name. */
  defaultTeams?: string[]
  groupTeams?: Record<string, string>
}

/** Makes a connection as an operator does. */
export async function connect(gatehouse: Gatehouse, described: Described): Promise<string> {
  const { organization, defaultTeams = [], groupTeams = {}, clientSecret, ...content } = described
  const { db } = gatehouse.database
  const found =
    organization &&
    (await db.selectFrom('organizations').selectAll().where('slug', '=', organization).executeTakeFirstOrThrow())
  const teams = new Map(
    (
      await db
        .selectFrom('teams')
        .selectAll()
        .where('organizationId', '=', found ? found.id : '')
        .execute()
    ).map((team) => [team.name, team.id]),
  )
  const id = newId('connection')
  await insertConnection(db, encryptionWith(gatehouse.config.encryptionKeys), {
    id,
    organizationId: found ? found.id : null,
    type: 'oidc',
    displayName: null,
    issuer: null,
    clientId: upstreamClient.clientId,
    clientSecret: clientSecret === undefined ? upstreamClient.clientSecret : clientSecret,
    jit: true,
    defaultTeamIds: defaultTeams.map((name) => teams.get(name)!),
    groupClaim: null,
    groupTeamIds: Object.fromEntries(Object.entries(groupTeams).map(([group, name]) => [group, teams.get(name)!])),
    required: false,
    signOut: false,
    enabled: true,
    ...content,
  })
  return id
}

/** A browser that stops where it would reach the relying party. */
export const newBrowser = () => new Browser((target) => target.port === '8080')

/** Presses the button of a connection on a sign-in page. */
export async function pressConnection(browser: Browser, name: string): Promise<void> {
  await browser.submit({ connection: name }, '/connection')
}

/** The whole way through an identity provider; ends at the relying party, or on the page that says why not. */
export async function signInThrough(
  gatehouse: Gatehouse,
  name: string,
  options: Parameters<typeof beginSignIn>[1] = {},
) {
  const flow = await beginSignIn(gatehouse.url, { browser: newBrowser(), ...options })
  if (flow.browser.page.html) await pressConnection(flow.browser, name)
  return flow
}

/** Claims of the id token that the relying party gets. */
export async function claimsOf(flow: Awaited<ReturnType<typeof signInThrough>>) {
  if (!flow.browser.page.url.includes('code=')) {
    throw new Error(`not signed in: ${flow.browser.page.url} ${flow.browser.page.status} ${flow.browser.page.html}`)
  }
  return (await flow.redeem()).claims() as Record<string, unknown>
}

export function isAtRelyingParty({ page }: Browser): boolean {
  return page.url.startsWith('http://localhost:8080/callback') && page.url.includes('code=')
}

/** Goes to the identity provider and stops where it sends the browser back: the address of the answer. */
export async function answerOf(
  gatehouse: Gatehouse,
  name: string,
  options: Parameters<typeof beginSignIn>[1] = {},
): Promise<{ browser: Browser; callback: string; flow: Awaited<ReturnType<typeof beginSignIn>> }> {
  const browser = new Browser((target) => target.port === '8080' || target.pathname.endsWith('/callback'))
  const flow = await beginSignIn(gatehouse.url, { ...options, browser })
  await pressConnection(browser, name)
  return { browser, callback: browser.page.url, flow }
}

/** Everything about an account that a sign-in may change. */
export async function accountOf(gatehouse: Gatehouse, email: string) {
  const { db } = gatehouse.database
  const user = await db.selectFrom('users').selectAll().where('email', '=', email).executeTakeFirst()
  if (!user) return undefined
  const teams = await db
    .selectFrom('memberships as m')
    .innerJoin('organizations as o', 'o.id', 'm.organizationId')
    .leftJoin('teamMembers as tm', 'tm.membershipId', 'm.id')
    .leftJoin('teams as t', 't.id', 'tm.teamId')
    .select(['o.slug', 'm.admin', 't.name', 'm.effectivePermissions'])
    .where('m.userId', '=', user.id)
    .orderBy('o.slug')
    .orderBy('t.name')
    .execute()
  const identities = await db.selectFrom('identities').selectAll().where('userId', '=', user.id).execute()
  return { user, teams, identities }
}

export async function countUsers(gatehouse: Gatehouse): Promise<number> {
  const users = await gatehouse.database.db.selectFrom('users').select('id').execute()
  return users.length
}

/** Hosts that Gatehouse may call although they are on this machine. */
export function allowed(...providers: Pick<IdentityProvider, 'host'>[]) {
  return { outboundAllowedHosts: providers.map(({ host }) => host) }
}
