import type Koa from 'koa'
import { upstreamTargets } from '#authentication/connections/connection-addresses.ts'
import type { ForetoldSignIn } from '#authentication/connections/foretell-sign-in.ts'
import { finishTriedSignIn, type TriedSignIn } from '#authentication/connections/try-sign-in.ts'
import type { Introduction } from '#authentication/connections/upstream-identity.ts'
import type { Connection } from '#foundation/database/schema.ts'
import { type Message, message } from '#foundation/messages/message.ts'
import type { SignedInPages } from '#surfaces/page-kit/signed-in-pages.ts'
import { showUnasked, type TriedReturn } from '#surfaces/sign-in/connection-callback.ts'
import {
  type ConnectionPagesParts,
  type ConnectionPlace,
  type ConnectionRequest,
  managementOf,
  ownerIdOf,
  pageOfConnection,
  shownConnection,
} from './managed-connection.ts'

/**
 * Where a sign-in ends that was only tried: what the provider said, and what would happen. What it said is shown this once
 * and kept nowhere. Only the administrator who began it, in the session and the organization in which they did, sees it.
 */
export function triedPage(
  place: ConnectionPlace,
  { pages, ...parts }: ConnectionPagesParts & { pages: SignedInPages },
): (ctx: Koa.Context, tried: TriedReturn) => unknown {
  const { page } = pages.with({ ...parts, ...place })
  return (ctx, tried) => page((request) => showTried(request, tried), { returnTo: place.at })(ctx)
}

async function showTried(request: ConnectionRequest, back: TriedReturn): Promise<void> {
  const { ctx, db, signedIn, actor, at, owner, show } = request
  const { connection, transaction, purpose } = back
  const isTheirs = purpose.userId === actor.user.id && purpose.sessionUid === signedIn.sessionUid
  if (!isTheirs || purpose.organizationId !== ownerIdOf(request)) return showUnasked(request, ctx)
  const answer = { connection, request: transaction, query: ctx.search }
  const tried = await finishTriedSignIn(db, request, managementOf(request), answer)
  await show('connections/tried', {
    at,
    owner,
    organizationName: signedIn.organization.name,
    connection: shownConnection(request, connection),
    href: pageOfConnection(request, connection),
    ...resultOf(tried, connection, signedIn.organization.name),
    formTargets: upstreamTargets([connection]),
  })
}

function resultOf(tried: TriedSignIn, connection: Connection, organization: string) {
  if (tried.outcome === 'failed') {
    return {
      tone: 'bad',
      title: message('connections.tried.failed'),
      lead: message(`connections.tried.failed_${tried.failure}`),
      code: tried.reason,
    }
  }
  const { foretold, identity } = tried
  const who = identity.name ?? identity.email ?? identity.subject
  const told = { claims: claimsOf(tried, connection), groups: groupsOf(tried, connection) }
  if (foretold.outcome === 'refused') {
    const { user, reason } = foretold
    const title = message(`connections.tried.${reason === 'proof_needed' ? 'proof' : 'refused'}`, { who })
    const lead = message(`connections.tried.refused_${reason}`, { email: identity.email ?? who })
    return { tone: reason === 'proof_needed' ? 'warn' : 'bad', title, lead, facts: user && [accountOf(user)], ...told }
  }
  return {
    tone: 'good',
    title: message('connections.tried.accepted', { who }),
    lead: message(`connections.tried.account_${foretold.account}`, { email: identity.email ?? who }),
    facts: factsOf(foretold, organization),
    ...told,
  }
}

interface Fact {
  label: Message
  text: string | Message
  list?: string[]
}

type Accepted = Extract<ForetoldSignIn, { outcome: 'signed_in' }>

function accountOf({ name, email }: { name: string; email: string }): Fact {
  return { label: message('connections.tried.account'), text: `${name} (${email})` }
}

function factsOf({ user, joins, teams, changes, voids }: Accepted, organization: string): Fact[] {
  const list = (label: Message, names: string[]) => (names.length > 0 ? [{ label, text: '', list: names }] : [])
  return [
    ...(user ? [accountOf(user)] : []),
    ...(joins
      ? [
          {
            label: message('connections.tried.membership'),
            text: message('connections.tried.joins', { organization }),
          },
        ]
      : []),
    ...list(message('connections.tried.teams_joined'), teams.joined),
    ...list(message('connections.tried.teams_left'), teams.left),
    ...(changes.name === undefined ? [] : [{ label: message('connections.tried.new_name'), text: changes.name }]),
    ...(changes.email === undefined ? [] : [{ label: message('connections.tried.new_email'), text: changes.email }]),
    ...(voids ? [{ label: message('connections.tried.voided'), text: message('connections.tried.voided_lead') }] : []),
  ]
}

const mostClaims = 60
const mostGroups = 100
const longestValue = 400

/** Said by OpenID Connect Core §5.1 or by the connection: what a sign-in reads of all that comes. */
const meanings: Record<string, Message> = {
  sub: message('connections.claim.sub'),
  id: message('connections.claim.sub'),
  email: message('connections.claim.email'),
  emails: message('connections.claim.email'),
  email_verified: message('connections.claim.email_verified'),
  name: message('connections.claim.name'),
}

/** A stranger's words: cut, and escaped where they are shown. What is used stands first. */
function claimsOf({ claims }: Introduction, { groupClaim, type }: Connection) {
  const meaningOf = (name: string) => {
    if (name === groupClaim) return message('connections.claim.groups')
    return (name === 'id' || name === 'emails') && type !== 'github' ? undefined : meanings[name]
  }
  return Object.entries(claims)
    .filter(([, value]) => value !== undefined)
    .slice(0, mostClaims)
    .map(([name, value]) => ({ name: cut(name), value: cut(textOf(value)), meaning: meaningOf(name) }))
    .sort((one, other) => Number(other.meaning !== undefined) - Number(one.meaning !== undefined))
}

/** What each of their groups stands for; undefined where the connection asks for none. */
function groupsOf({ identity }: Introduction, { groupClaim, groupTeamIds }: Connection) {
  if (groupClaim === null) return undefined
  const groups = identity.groups.slice(0, mostGroups)
  return {
    claim: groupClaim,
    isMissing: groups.length === 0,
    unmapped: groups.filter((group) => !Object.hasOwn(groupTeamIds, group)).map(cut),
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function cut(text: string): string {
  const whole = text.toWellFormed()
  return whole.length > longestValue ? `${whole.slice(0, longestValue)}…` : whole
}
