import { lastHolders } from '#directory/organizations/last-administrators.ts'
import { newId } from '#foundation/crypto/ids.ts'
import type { User } from '#foundation/database/schema.ts'
import { emailKey } from '#foundation/values/email-address.ts'
import { changesOf, noteChange } from './changes.ts'
import { leaveAlone, notice, type Planning, remember, standingOf } from './planning.ts'
import type { UserEntry } from './setup.ts'

/** A person whom the file may make a member. */
export interface PlannedPerson {
  id: string
  /** The file made them or takes them over. */
  isOwn: boolean
  /** Left alone although the file lists them. */
  isForeign: boolean
  /** As it will be. */
  active: boolean
  /** As they are; undefined: new. */
  user: User | undefined
}

/** The catalogue only grows: what the file doesn't name may be granted already. */
export function planPermissions({ plan, setup, current }: Planning): void {
  for (const { name, description } of setup.values.permissions ?? []) {
    const known = current.permissions.get(name)
    const wanted = description ?? known ?? ''
    const before = known === undefined ? undefined : { description: known }
    const action = noteChange(plan, { kind: 'permission', id: name, name, title: `permission ${name}` }, before, {
      description: wanted,
    })
    if (action) plan.writes.permissions.push({ name, description: wanted })
  }
}

/** @returns people by e-mail address in lower case, those whom only members name included */
export function planUsers(planning: Planning): Map<string, PlannedPerson> {
  const { setup, current } = planning
  const people = new Map<string, PlannedPerson>()
  for (const [email, user] of current.users) {
    const isOwn = current.objects.has('user', user.id)
    people.set(email, { id: user.id, isOwn, isForeign: false, active: user.deactivatedAt === null, user })
  }
  const kept = superadminsToKeep(planning)
  for (const [index, entry] of (setup.values.users ?? []).entries()) {
    const path = ['users', index]
    const user = current.users.get(emailKey(entry.email))
    if (!user) people.set(emailKey(entry.email), planNewUser(planning, entry))
    else if (isListedAgain(planning, entry, user))
      notice(planning, path, `is ${user.email} now, whom the file lists too: remove this entry`)
    else
      people.set(
        emailKey(entry.email),
        planKnownUser(planning, { entry, user, path, keptSuperadmin: kept.has(user.id) }),
      )
  }
  return people
}

function planNewUser(planning: Planning, entry: UserEntry): PlannedPerson {
  const { plan } = planning
  const id = newId('user')
  const { superadmin = false, active = true } = entry
  const after = { email: entry.email, name: entry.name ?? entry.email, superadmin, active }
  noteChange(plan, subjectOf(entry, id), undefined, after)
  // The operator vouches for the address. The password is the person's own from then on: later ones are ignored.
  plan.writes.newUsers.push({ id, ...after, emailVerified: true, ...firstPassword(entry) })
  rememberUser(planning, entry, id)
  return { id, isOwn: true, isForeign: false, active, user: undefined }
}

interface KnownUser {
  entry: UserEntry
  user: User
  path: (string | number)[]
  /** Without them there would be no superadmin. */
  keptSuperadmin: boolean
}

function planKnownUser(planning: Planning, known: KnownUser): PlannedPerson {
  const { plan } = planning
  const { entry, user, path } = known
  const standing = standingOf(planning, { kind: 'user', objectId: user.id }, entry)
  if (standing === 'foreign') {
    leaveAlone(planning, path, `user ${user.email}`)
    return { id: user.id, isOwn: false, isForeign: true, active: user.deactivatedAt === null, user }
  }
  const { email, name, superadmin, emailVerifiedAt, deactivatedAt } = user
  const voided = standing === 'adopted' && emailVerifiedAt === null
  const before = { email, name, superadmin, active: deactivatedAt === null, ...(voided && { credentials: 'unproven' }) }
  const after = { ...wantedOf(planning, known), ...(voided && { credentials: 'voided' }) }
  const action = noteChange(plan, subjectOf(entry, user.id), before, after, standing === 'adopted')
  const { credentials: _, ...edit } = changesOf<typeof before>(before, after)
  if (action && Object.keys(edit).length > 0) plan.writes.userEdits.push({ id: user.id, edit })
  if (standing === 'adopted') {
    plan.writes.adoptedUsers.push({ user, voided, email: user.email, ...(voided ? firstPassword(entry) : noPassword) })
  }
  rememberUser(planning, entry, user.id)
  return { id: user.id, isOwn: true, isForeign: false, active: after.active, user }
}

const noPassword = { passwordHash: null, password: undefined }

function firstPassword(entry: UserEntry) {
  return { passwordHash: entry.password_hash ?? null, password: entry.password }
}

/** As the file says, but for what is the person's own by now: another address, another name. */
function wantedOf(planning: Planning, { entry, user, path, keptSuperadmin }: KnownUser) {
  const { current } = planning
  const { email, name, superadmin = false } = entry
  const active = staysActive(entry, user)
  const isLastAdmin = !active && current.lastAdmins.has(user.id)
  if (isLastAdmin) notice(planning, path, 'stays active: it is the last admin of an organization')
  if (keptSuperadmin) notice(planning, path, 'stays an active superadmin: it is the last one')
  const declared = current.objects.declaredOf('user', user.id)
  const isRenamed = name !== undefined && declared?.name !== undefined && declared.name !== name
  return {
    email: emailKey(user.email) === emailKey(email) ? email : user.email,
    name: isRenamed || declared === undefined ? (name ?? user.name) : user.name,
    // Rights are exactly as the file says: a line that was removed takes them away.
    superadmin: superadmin || keptSuperadmin,
    active: active || keptSuperadmin || isLastAdmin,
  }
}

/** Switching on again takes a word: who was switched off by hand stays so at every boot. */
function staysActive(entry: UserEntry, user: User | undefined): boolean {
  return entry.active ?? (user?.deactivatedAt ?? null) === null
}

/** Two entries for one person: the one that says an address which the person has given up. */
function isListedAgain({ setup }: Planning, { email }: UserEntry, user: User): boolean {
  const now = emailKey(user.email)
  return now !== emailKey(email) && (setup.values.users ?? []).some((other) => emailKey(other.email) === now)
}

/** Whom the file would demote or switch off although no other superadmin is left. */
function superadminsToKeep(planning: Planning): Set<string> {
  const { setup, current } = planning
  const losing = new Set<string>()
  for (const entry of setup.values.users ?? []) {
    const user = current.users.get(emailKey(entry.email))
    const isMeant = !user || standingOf(planning, { kind: 'user', objectId: user.id }, entry) !== 'foreign'
    const staysSuperadmin = entry.superadmin === true && staysActive(entry, user)
    if (isMeant && staysSuperadmin) return new Set()
    if (isMeant && user && current.superadminIds.includes(user.id)) losing.add(user.id)
  }
  return lastHolders(current.superadminIds, losing)
}

function rememberUser(planning: Planning, { email, name }: UserEntry, objectId: string): void {
  remember(planning, { kind: 'user', name: emailKey(email), objectId, declared: { name: name ?? null } })
}

function subjectOf({ email }: UserEntry, id: string) {
  return { kind: 'user' as const, id, name: email, title: `user ${email}` }
}
