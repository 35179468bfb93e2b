import { canonicalGrants, type Grants } from '#directory/access/grants.ts'
import { newId } from '#foundation/crypto/ids.ts'
import type { Team } from '#foundation/database/schema.ts'
import { noteChange } from './changes.ts'
import { leaveAlone, remember, type Scene, standingOf } from './planning.ts'
import type { TeamEntry } from './setup.ts'

/** A team as it will be. */
export interface TeamName {
  id: string
  name: string
}

/** @returns the organization's teams as they will be, by name in lower case */
export function planTeams(scene: Scene, entries: readonly TeamEntry[] | undefined): Map<string, TeamName> {
  const known: ReadonlyMap<string, Team> = scene.organization?.teams ?? new Map()
  const teams = new Map<string, TeamName>(known)
  if (!entries) return teams
  const listed = new Set(entries.map((entry) => entry.name.toLowerCase()))
  for (const [index, entry] of entries.entries()) {
    const key = entry.name.toLowerCase()
    teams.set(key, planTeam(scene, entry, { team: known.get(key), index }))
  }
  for (const [key, team] of known) {
    if (listed.has(key) || !isRemovedWhenUnlisted(scene, team)) continue
    teams.delete(key)
    noteChange(scene.plan, teamSubject(scene, team), describeTeam(team.name, team), undefined)
    scene.plan.writes.removedTeams.push({ id: team.id, organizationId: scene.id })
    scene.plan.writes.removedObjects.push({ kind: 'team', objectId: team.id })
  }
  return teams
}

/** People's own teams stay, unless the file has the only say. */
export function isRemovedWhenUnlisted(
  { current, exclusive }: Pick<Scene, 'current' | 'exclusive'>,
  team: Pick<Team, 'id'>,
): boolean {
  return exclusive || current.objects.has('team', team.id)
}

function planTeam(
  scene: Scene,
  entry: TeamEntry,
  { team, index }: { team: Team | undefined; index: number },
): TeamName {
  const id = team?.id ?? newId('team')
  const standing = team && standingOf(scene, { kind: 'team', objectId: id }, entry)
  if (team && standing === 'foreign') {
    leaveAlone(scene, [...scene.path, 'teams', index], `team ${scene.slug}/${team.name}`)
    return team
  }
  const grants = grantsOf(entry)
  const before = team && describeTeam(team.name, team)
  const after = describeTeam(entry.name, grants)
  const action = noteChange(
    scene.plan,
    teamSubject(scene, { id, name: entry.name }),
    before,
    after,
    standing === 'adopted',
  )
  const { writes } = scene.plan
  if (action === 'create') writes.newTeams.push({ id, organizationId: scene.id, name: entry.name, ...grants })
  else if (action) writes.teamEdits.push({ id, organizationId: scene.id, edit: { name: entry.name, ...grants } })
  remember(scene, { kind: 'team', name: `${scene.slug}/${entry.name.toLowerCase()}`, objectId: id, declared: {} })
  return { id, name: entry.name }
}

function teamSubject({ slug, id: organizationId }: Scene, { id, name }: TeamName) {
  return { kind: 'team' as const, id, name, title: `team ${slug}/${name}`, organizationId }
}

function describeTeam(name: string, grants: Grants) {
  const { permissions, dataScopes } = canonicalGrants(grants)
  return { name, permissions, data_scopes: dataScopes }
}

export function grantsOf(entry: Pick<TeamEntry, 'permissions' | 'data_scopes'>): Grants {
  return canonicalGrants({ permissions: entry.permissions ?? [], dataScopes: entry.data_scopes ?? [] })
}
