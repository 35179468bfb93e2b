import type { Subject, Whole } from '#credentials/log/log-filter.ts'
import { findOwnerOfApiKey, listLogEntries } from '#credentials/log/log-queries.ts'
import { findMember } from '#directory/organizations/membership-queries.ts'
import { type Actor, isActor } from '#directory/users/actor.ts'
import { findUserByEmail, namesOfPeople } from '#directory/users/user-queries.ts'
import { isStorable, type Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'

/** Whose entries are asked for. */
export interface AskedSubjects {
  /** Id or e-mail address of a person, or `*` for everybody in the organization. Undefined: one's own. */
  user?: string | undefined
  /** Id of an API key, which may have been deleted. */
  apiKey?: string | undefined
  /** For a superadmin, `*` is everybody in every organization, and what has no owner. */
  everywhere?: boolean
}

/**
 * What an actor may see of it. One's own: in the organization in which one acts, and what happened before an organization
 * was chosen, but nothing in another one. An administrator: everything in the organization, and nothing else. A
 * superadmin: everything there is.
 * @returns subjects of one kind
 * @throws GatehouseError permission_denied for another's without being an administrator; not_found for a person who has
 *   nothing to do with the organization
 */
export async function visibleSubjects(
  db: Queryable,
  actor: Actor,
  { user, apiKey, everywhere = false }: AskedSubjects,
): Promise<readonly (Subject | Whole)[]> {
  const { organizationId, isAdmin } = actor
  const userId = await askedUser(db, actor, user)
  const anybody = user === undefined || user === '*'
  if (apiKey !== undefined) return [await askedApiKey(db, actor, apiKey, anybody ? undefined : userId)]
  if (user === '*' && everywhere && isAdmin && actor.user.superadmin) return [{ of: 'everything' }, { of: 'no owner' }]
  if (user === '*') return [{ of: 'organization', organizationId }]
  if (userId !== actor.user.id) return [{ of: 'person', userId, organizationId }]
  return ownSubjects(actor)
}

/** What is one's own, in an organization and before one was chosen. */
export function ownSubjects({ user, organizationId }: Pick<Actor, 'user' | 'organizationId'>): readonly Subject[] {
  const own = { of: 'person', userId: user.id } as const
  return [
    { ...own, organizationId },
    { ...own, organizationId: null },
  ]
}

/** @returns the id of the person asked for; the actor's own where no person is named */
async function askedUser(db: Queryable, actor: Actor, asked: string | undefined): Promise<string> {
  const { user, organizationId, isAdmin } = actor
  if (asked === undefined || isActor(actor, asked)) return user.id
  if (asked === '*') {
    if (!isAdmin) throw onlyAdmins()
    return user.id
  }
  const userId = isStorable(asked) ? await findPerson(db, asked) : undefined
  if (userId === undefined || !(await belongs(db, { userId, organizationId }))) {
    throw new GatehouseError('not_found', 'There is nobody of that name in this organization.')
  }
  if (!isAdmin) throw onlyAdmins()
  return userId
}

/** @param userId of whom the entries shall be; undefined: of the key's owner */
async function askedApiKey(
  db: Queryable,
  { user, organizationId, isAdmin }: Actor,
  apiKeyId: string,
  userId: string | undefined,
): Promise<Subject> {
  const key = { apiKeyId, organizationId }
  const owner = isStorable(apiKeyId) ? await findOwnerOfApiKey(db, key) : undefined
  if (!owner) throw new GatehouseError('not_found', 'There is no such API key in this organization.')
  if (owner.userId !== user.id && !isAdmin) throw onlyAdmins()
  return { of: 'api key', ...key, userId }
}

function onlyAdmins(): GatehouseError {
  return new GatehouseError(
    'permission_denied',
    'Only administrators of the organization see the authentication log of others.',
  )
}

async function findPerson(db: Queryable, idOrEmail: string): Promise<string | undefined> {
  if (idOrEmail.includes('@')) return (await findUserByEmail(db, idOrEmail))?.id
  return (await namesOfPeople(db, [idOrEmail])).has(idOrEmail) ? idOrEmail : undefined
}

/** A member, active or not; or a person who was one, as long as the organization's log remembers. */
async function belongs(db: Queryable, person: { userId: string; organizationId: string }): Promise<boolean> {
  if (await findMember(db, person.organizationId, person.userId)) return true
  const entries = await listLogEntries(db, { subjects: [{ of: 'person', ...person }] }, { limit: 1 })
  return entries.length > 0
}
