import { canonicalGrants, type Grants } from '#directory/access/grants.ts'
import { lastHolders } from '#directory/organizations/last-administrators.ts'
import { newId } from '#foundation/crypto/ids.ts'
import { emailKey } from '#foundation/values/email-address.ts'
import { changesOf, noteChange } from './changes.ts'
import type { CurrentMember } from './current-setup.ts'
import { grantsOf, type TeamName } from './plan-teams.ts'
import type { PlannedPerson } from './plan-users.ts'
import { leaveAlone, notice, remember, type Scene } from './planning.ts'
import type { MemberEntry } from './setup.ts'
import type { Path } from './setup-error.ts'

/** What members are planned with. */
interface MemberScene extends Scene {
  /** By name in lower case, as they will be. */
  teams: ReadonlyMap<string, TeamName>
  /** Active admins whom the file demotes, switches off or removes although it leaves no other. */
  keptAdmins: ReadonlySet<string>
}

/** One entry with whom it means. */
interface Listed {
  entry: MemberEntry
  path: Path
  person: PlannedPerson
  member: CurrentMember | undefined
}

/** The members that the list names are as it says; of the others go those whom the file brought. */
export function planMembers(
  organizationScene: Scene,
  entries: readonly MemberEntry[],
  { teams, people }: { teams: ReadonlyMap<string, TeamName>; people: ReadonlyMap<string, PlannedPerson> },
): void {
  const known: ReadonlyMap<string, CurrentMember> = organizationScene.organization?.members ?? new Map()
  const listed = entries.flatMap((entry, index): Listed[] => {
    const person = people.get(emailKey(entry.email))
    const path = [...organizationScene.path, 'members', index]
    return person ? [{ entry, path, person, member: known.get(person.id) }] : []
  })
  const meant = listed.filter((one) => mayPlan(organizationScene, one))
  const listedIds = new Set(listed.map(({ person }) => person.id))
  const unlisted = [...known.values()].filter(({ userId }) => !listedIds.has(userId))
  const { exclusive, current } = organizationScene
  const leaving = unlisted.filter(({ id }) => exclusive || current.objects.has('membership', id))
  const keptAdmins = adminsToKeep([...known.values()], meant, leaving)
  const scene: MemberScene = { ...organizationScene, teams, keptAdmins }
  for (const one of meant) planMember(scene, one)
  for (const member of leaving) planRemoval(scene, member)
}

/**
 * Whether the file may write an entry: its own memberships, those of its own people, and new ones of people who have
 * proven their address. @returns false after saying so
 */
function mayPlan(scene: Scene, { entry, path, person, member }: Listed): boolean {
  if (person.isOwn || (member && scene.current.objects.has('membership', member.id))) return true
  const isProven = person.user?.emailVerifiedAt != null
  if (!person.isForeign && (entry.adopt || (!member && isProven))) return true
  if (person.isForeign) notice(scene, path, `is left alone, as user ${entry.email} is`)
  else leaveAlone(scene, path, `member ${scene.slug}/${entry.email}`)
  return false
}

/** All active admins, when the file would leave none; else none. */
function adminsToKeep(
  members: readonly CurrentMember[],
  meant: readonly Listed[],
  leaving: readonly CurrentMember[],
): Set<string> {
  if (meant.some((one) => one.entry.admin && one.person.active && staysActive(one))) return new Set()
  const admins = members.filter(isActiveAdmin).map(({ id }) => id)
  const losing = new Set([...meant.flatMap(({ member }) => member?.id ?? []), ...leaving.map(({ id }) => id)])
  return lastHolders(admins, losing)
}

function isActiveAdmin({ admin, deactivatedAt, userDeactivatedAt }: CurrentMember): boolean {
  return admin && deactivatedAt === null && userDeactivatedAt === null
}

function planRemoval(scene: MemberScene, member: CurrentMember): void {
  if (scene.keptAdmins.has(member.id)) {
    notice(scene, [...scene.path, 'members'], `${member.email} stays: it is the organization's last admin`)
    return
  }
  noteChange(
    scene.plan,
    memberSubject(scene, { id: member.userId, email: member.email }),
    describeMember(scene, member),
    undefined,
  )
  scene.plan.writes.removedMemberships.push({ id: member.id, organizationId: scene.id })
  scene.plan.writes.removedObjects.push({ kind: 'membership', objectId: member.id })
}

function planMember(scene: MemberScene, listed: Listed): void {
  const { entry, person, member } = listed
  const { writes } = scene.plan
  const id = member?.id ?? newId('membership')
  const grants = grantsOf(entry)
  const state = stateOf(scene, listed)
  const wanted = teamsNamed(scene, entry)
  const leaving = teamsToLeave(scene, member, wanted)
  const staying = [...(member?.teamIds ?? [])].filter((teamId) => !leaving.includes(teamId))
  const isOwn = person.isOwn || (member && scene.current.objects.has('membership', member.id))
  const isVoided = !isOwn && person.user?.emailVerifiedAt === null
  const before = member && { ...describeMember(scene, member), ...(isVoided && { credentials: 'unproven' }) }
  const teams = namesAmong([...scene.teams.values()], new Set([...wanted, ...staying]))
  const after = { ...state, teams, ...inWords(grants), ...(isVoided && { credentials: 'voided' }) }
  if (isVoided && person.user) {
    const { user } = person
    writes.adoptedUsers.push({ user, voided: true, email: user.email, passwordHash: null, password: undefined })
  }
  const adopted = member !== undefined && !isOwn
  const action = noteChange(
    scene.plan,
    memberSubject(scene, { id: person.id, email: entry.email }),
    before,
    after,
    adopted,
  )
  const declared = { teams: [...wanted].sort() }
  const name = `${scene.slug}/${emailKey(entry.email)}`
  remember(scene, { kind: 'membership', name, objectId: id, declared })
  if (!action) return
  const place = { id, organizationId: scene.id }
  if (action === 'create') writes.newMemberships.push({ ...place, userId: person.id, ...state })
  if (member) {
    const edit = changesOf({ admin: member.admin, active: member.deactivatedAt === null }, state)
    if (Object.keys(edit).length > 0) writes.membershipEdits.push({ ...place, edit })
  }
  if (grants.permissions.length + grants.dataScopes.length > 0 || member) {
    writes.directGrants.push({ membershipId: id, organizationId: scene.id, ...grants })
  }
  const placeIn = (teamId: string) => ({ teamId, membershipId: id, organizationId: scene.id })
  for (const teamId of wanted) if (!member?.teamIds.has(teamId)) writes.join.push(placeIn(teamId))
  for (const teamId of leaving) writes.leave.push(placeIn(teamId))
}

/** As the entry says, but for the last admin. */
function stateOf(scene: MemberScene, { entry, path, member }: Listed): { admin: boolean; active: boolean } {
  if (!member || !scene.keptAdmins.has(member.id))
    return { admin: entry.admin ?? false, active: staysActive({ entry, member }) }
  notice(scene, path, "stays an active admin: it is the organization's last one")
  return { admin: true, active: true }
}

/** Switching on again takes a word, as for a user. */
function staysActive({ entry, member }: Pick<Listed, 'entry' | 'member'>): boolean {
  return entry.active ?? (member?.deactivatedAt ?? null) === null
}

function teamsNamed({ teams }: MemberScene, { teams: names = [] }: MemberEntry): Set<string> {
  return new Set(names.flatMap((name) => teams.get(name.toLowerCase())?.id ?? []))
}

/** Teams that the file put a member into and lists no more; those that a group or an admin gave stay. */
function teamsToLeave(scene: MemberScene, member: CurrentMember | undefined, wanted: ReadonlySet<string>): string[] {
  if (!member) return []
  const said = scene.current.objects.declaredOf('membership', member.id)?.teams ?? []
  return [...member.teamIds].filter((teamId) => !wanted.has(teamId) && (scene.exclusive || said.includes(teamId)))
}

function memberSubject({ slug, id: organizationId }: Scene, { id, email }: { id: string; email: string }) {
  return { kind: 'member' as const, id, name: email, title: `member ${slug}/${email}`, organizationId }
}

function describeMember(scene: MemberScene, member: CurrentMember) {
  return {
    admin: member.admin,
    active: member.deactivatedAt === null,
    teams: namesAmong([...(scene.organization?.teams.values() ?? []), ...scene.teams.values()], member.teamIds),
    ...inWords(canonicalGrants(member)),
  }
}

/** Under the names that the teams will have: another spelling is no change of their members. */
function namesAmong(teams: readonly TeamName[], ids: ReadonlySet<string>): string[] {
  const names = new Map(teams.map(({ id, name }) => [id, name]))
  return [...ids].flatMap((id) => names.get(id) ?? []).sort()
}

function inWords({ permissions, dataScopes }: Grants) {
  return { permissions, data_scopes: dataScopes }
}
