import { isDeepStrictEqual } from 'node:util'
import { revokeGrantsOfOrganization } from '#credentials/revocation/revocation.ts'
import { type Actor, refuseApiKey, requireAdminOf, requireSuperadmin } from '#directory/users/actor.ts'
import { type AuditSubject, recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import { newId } from '#foundation/crypto/ids.ts'
import { violates } from '#foundation/database/constraint.ts'
import { inTransaction, type Queryable, toJson } from '#foundation/database/database.ts'
import { lock } from '#foundation/database/locks.ts'
import type { Connection, Organization } from '#foundation/database/schema.ts'
import { type FieldProblem, GatehouseError } from '#foundation/errors.ts'
import {
  type ConnectionContent,
  type ConnectionDescription,
  connectionProblems,
  describeConnection,
  isTrustworthyUrl,
  refusesPasswords,
  toConnectionContent,
  untrustworthyIssuer,
} from './connection.ts'
import { type ConnectionOwner, findConnection } from './connection-queries.ts'

/** What saving a connection takes beside the database. */
export interface ConnectionParts {
  encryption: Encryption
  /** `host` or `host:port` that may be an issuer without https. */
  outboundAllowedHosts: readonly string[]
}

/** The secret in plain; null: none, undefined: as it is. */
interface NewSecret {
  clientSecret?: string | null
}

/** A connection as it is first written; ids come from `newId('connection')`. */
export interface NewConnection extends ConnectionContent, NewSecret, ConnectionOwner {
  id: string
  name: string
}

export type ConnectionEdit = ConnectionContent & NewSecret & ConnectionOwner & { id: string }

/** Each is a button on the organization's sign-in page. */
export const mostConnections = 20

/**
 * Its handle, which stands in its addresses, is its name, or its id where another owner had that name first; it stays
 * when that one goes, because it is registered at the provider.
 * @throws on `connections_owner_name` when its owner has a connection of that name
 * @throws GatehouseError conflict when the organization has twenty connections already
 */
export async function insertConnection(tx: Queryable, encryption: Encryption, connection: NewConnection) {
  const { clientSecret = null, ...content } = connection
  if (connection.organizationId !== null) await requireRoom(tx, connection.organizationId)
  const row = {
    ...toColumns(content),
    handle: connection.name,
    clientSecret: clientSecret === null ? null : encryption.encrypt(clientSecret),
  }
  const insertRow = (values: typeof row) => tx.insertInto('connections').values(values)
  const inserted = await insertRow(row)
    .onConflict((conflict) => conflict.column('handle').doNothing())
    .returning('id')
    .executeTakeFirst()
  if (!inserted) await insertRow({ ...row, handle: connection.id }).execute()
  if (refusesPasswords(connection)) await endPasswordSignIns(tx, connection)
}

/** The lock makes those wait that add one at the same moment. */
async function requireRoom(tx: Queryable, organizationId: string): Promise<void> {
  await lock(tx, 'connections', organizationId)
  const { count } = await tx
    .selectFrom('connections')
    .select(({ fn }) => fn.countAll<string>().as('count'))
    .where('organizationId', '=', organizationId)
    .executeTakeFirstOrThrow()
  if (Number(count) < mostConnections) return
  throw new GatehouseError('conflict', `An organization has at most ${mostConnections} connections. Delete one first.`)
}

/**
 * Writes all of a connection but its name. One that is pointed at another issuer keeps its identities, and finds none:
 * the issuer is a part of an identity, so who came from the old one comes back only with it.
 * @param before as it is now: whether passwords were refused already
 */
export async function updateConnection(
  tx: Queryable,
  encryption: Encryption,
  connection: ConnectionEdit,
  before: Pick<Connection, 'required' | 'enabled'>,
): Promise<void> {
  const { id, organizationId, clientSecret, ...content } = connection
  const secret = clientSecret === null || clientSecret === undefined ? null : encryption.encrypt(clientSecret)
  await tx
    .updateTable('connections')
    .set({ ...toColumns(content), ...(clientSecret !== undefined && { clientSecret: secret }) })
    .where('id', '=', id)
    .where('organizationId', 'is not distinct from', organizationId)
    .execute()
  if (refusesPasswords(connection) && !refusesPasswords(before)) await endPasswordSignIns(tx, connection)
}

/** Removes connections of one owner with the identities that came through them; the accounts stay. */
export async function deleteConnections(
  tx: Queryable,
  { organizationId }: ConnectionOwner,
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return
  await tx
    .deleteFrom('connections')
    .where('organizationId', 'is not distinct from', organizationId)
    .where('id', 'in', ids)
    .execute()
}

async function endPasswordSignIns(tx: Queryable, { organizationId }: ConnectionOwner): Promise<void> {
  if (organizationId !== null) await revokeGrantsOfOrganization(tx, organizationId)
}

/** Whose connections are managed, and by whom. */
export interface ConnectionManagement {
  /** Null: the whole deployment. */
  organization: Pick<Organization, 'id' | 'slug'> | null
  actor: Actor
}

/**
 * An organization's connections are its administrators' to change, the deployment's are superadmins'.
 * @throws GatehouseError permission_denied, with any API key
 */
export function requireMayManageConnections({ organization, actor }: ConnectionManagement): void {
  refuseApiKey(actor)
  if (organization) requireAdminOf(actor, organization.id)
  else requireSuperadmin(actor)
}

type WithSecret<T> = T & { client_secret?: string | null }

/**
 * @throws GatehouseError permission_denied, validation_failed naming the fields, conflict when its owner has one of that
 *   name
 */
export async function createConnection(
  db: Queryable,
  parts: ConnectionParts,
  management: ConnectionManagement,
  { client_secret: clientSecret = null, ...description }: WithSecret<ConnectionDescription>,
): Promise<Connection> {
  requireMayManageConnections(management)
  const { organization, actor } = management
  const organizationId = organization?.id ?? null
  return inTransaction(db, async (tx) => {
    const id = newId('connection')
    const teams = await listTeams(tx, organizationId)
    const content = checkedContent(parts, description, { hasSecret: clientSecret !== null, organizationId, teams })
    const { name } = description
    try {
      await insertConnection(tx, parts.encryption, {
        id,
        name,
        organizationId,
        ...content,
        clientSecret,
      })
    } catch (error) {
      if (!violates(error, 'connections_owner_name')) throw error
      throw new GatehouseError('conflict', `There is a connection ${name} already.`)
    }
    await recordAuditEvent(tx, {
      actor,
      action: 'connection.created',
      subject: connectionSubject({ id, name }),
      organizationId,
      after: { ...describeConnection(content, namesOf(teams)), client_secret: clientSecret === null ? 'none' : 'set' },
    })
    return requireConnection(tx, organizationId, name)
  })
}

/**
 * Changes what is given. A secret stays with whom it was made for: another issuer or type needs it again, or an
 * administrator who may edit the connection could have it sent to themselves.
 * @throws GatehouseError permission_denied, not_found, validation_failed naming the fields
 */
export async function editConnection(
  db: Queryable,
  parts: ConnectionParts,
  management: ConnectionManagement,
  name: string,
  { client_secret: clientSecret, ...edit }: Partial<WithSecret<Omit<ConnectionDescription, 'name'>>>,
): Promise<Connection> {
  requireMayManageConnections(management)
  const { organization, actor } = management
  const organizationId = organization?.id ?? null
  return inTransaction(db, async (tx) => {
    const current = await requireConnection(tx, organizationId, name, 'locked')
    const teams = await listTeams(tx, organizationId)
    const before = describeConnection(current, namesOf(teams))
    const otherType = edit.type !== undefined && edit.type !== before.type
    const description = { name, ...before, ...(otherType && { issuer: null }), ...edit }
    const hadSecret = current.clientSecret !== null
    const elsewhere = otherType || (description.issuer ?? null) !== before.issuer
    if (elsewhere && hadSecret && clientSecret === undefined) {
      throw refusal([{ path: 'client_secret', message: 'is required again: type or issuer is another' }])
    }
    const hasSecret = clientSecret === undefined ? hadSecret : clientSecret !== null
    const content = checkedContent(parts, description, { hasSecret, organizationId, teams })
    await updateConnection(tx, parts.encryption, { id: current.id, organizationId, ...content, clientSecret }, current)
    const secretAfter = clientSecret && hadSecret ? 'replaced' : hasSecret ? 'set' : 'none'
    const changed = differing(
      { ...before, client_secret: hadSecret ? 'set' : 'none' },
      { ...describeConnection(content, namesOf(teams)), client_secret: secretAfter },
    )
    if (changed) {
      const subject = connectionSubject(current)
      await recordAuditEvent(tx, { actor, action: 'connection.updated', subject, organizationId, ...changed })
    }
    return requireConnection(tx, organizationId, name)
  })
}

/** As the audit log calls it. */
export function connectionSubject({ id, name }: Pick<Connection, 'id' | 'name'>): AuditSubject {
  return { kind: 'connection', id, name }
}

/** @throws GatehouseError not_found, for another owner's too */
export async function requireConnection(
  db: Queryable,
  organizationId: string | null,
  name: string,
  lock?: 'locked',
): Promise<Connection> {
  const connection = await findConnection(db, { organizationId }, name, lock)
  if (!connection) throw new GatehouseError('not_found', 'There is no such connection.')
  return connection
}

interface TeamName {
  id: string
  name: string
}

/** The teams that a connection may name: its organization's own. */
export async function listTeams(db: Queryable, organizationId: string | null): Promise<TeamName[]> {
  if (organizationId === null) return []
  return db.selectFrom('teams').select(['id', 'name']).where('organizationId', '=', organizationId).execute()
}

export function namesOf(teams: readonly TeamName[]): Map<string, string> {
  return new Map(teams.map(({ id, name }) => [id, name]))
}

/** @throws GatehouseError validation_failed */
function checkedContent(
  { outboundAllowedHosts }: ConnectionParts,
  description: ConnectionDescription,
  place: { hasSecret: boolean; organizationId: string | null; teams: readonly TeamName[] },
): ConnectionContent {
  const hasOrganization = place.organizationId !== null
  const problems = connectionProblems(description, { hasSecret: place.hasSecret, hasOrganization }).map(
    ({ path: [path], message }): FieldProblem => ({ path, message }),
  )
  const { issuer } = description
  if (issuer != null && !isTrustworthyUrl(issuer, outboundAllowedHosts)) {
    problems.push({ path: 'issuer', message: untrustworthyIssuer })
  }
  const ids = new Map(place.teams.map((team) => [team.name.toLowerCase(), team.id]))
  const named = [
    ...(description.default_teams ?? []).map((name, index) => ({ path: `default_teams.${index}`, name })),
    ...Object.entries(description.group_teams ?? {}).map(([group, name]) => ({ path: `group_teams.${group}`, name })),
  ]
  for (const { path, name } of hasOrganization ? named : []) {
    if (!ids.has(name.toLowerCase())) problems.push({ path, message: 'is no team of this organization' })
  }
  if (problems.length > 0) throw refusal(problems)
  return toConnectionContent(description, { hasOrganization, teamIdOf: (name) => ids.get(name.toLowerCase())! })
}

/** The members that are not the same; undefined when all are. */
function differing<T extends Record<string, unknown>>(before: T, after: T) {
  const names = Object.keys(after).filter((name) => !isDeepStrictEqual(before[name], after[name]))
  const pick = (from: T) => Object.fromEntries(names.map((name) => [name, from[name]]))
  return names.length > 0 ? { before: pick(before), after: pick(after) } : undefined
}

function refusal(fields: FieldProblem[]): GatehouseError {
  const named = fields.map(({ path, message }) => `${path}: ${message}`).join('; ')
  return new GatehouseError('validation_failed', `Some fields are not valid. ${named}`, { fields })
}

function toColumns<T extends Pick<ConnectionContent, 'defaultTeamIds' | 'groupTeamIds'>>(content: T) {
  return {
    ...content,
    defaultTeamIds: toJson(content.defaultTeamIds),
    groupTeamIds: toJson(content.groupTeamIds),
  }
}
