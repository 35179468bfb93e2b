import { listTeamNames, type NamedTeam, readTeams } from '#directory/access/team-queries.ts'
import { isStorable, type Queryable } from '#foundation/database/database.ts'
import type { Form } from '#foundation/http/read-form.ts'
import { plainText } from '#foundation/values/names.ts'

/** Up to so many are taken in at a glance; more are searched. */
const mostAtAGlance = 10
/** More than anybody reads: the others are found by their name. */
const mostListed = 200

const prefix = 'team:'

/** The ids of the teams that are ticked in a form, whose checkboxes have their value in their name. */
export function chosenTeams(form: Form): string[] {
  return Object.keys(form)
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
    .filter(isStorable)
}

/** What `members/team-ticks` shows: teams to tick, those that are ticked always among them. */
export interface TeamTicks {
  teams: (NamedTeam & { field: string; isTicked: boolean })[]
  isSearched: boolean
  find: string
}

/** @param find beginning of the names of the teams that are offered */
export async function readTeamTicks(
  db: Queryable,
  organizationId: string,
  { chosen, find }: { chosen: readonly string[]; find: string },
): Promise<TeamTicks> {
  const [offered, ticked, some] = await Promise.all([
    listTeamNames(db, organizationId, { q: beginningOf(find), limit: mostListed }),
    readTeams(db, organizationId, chosen),
    listTeamNames(db, organizationId, { limit: mostAtAGlance + 1 }),
  ])
  const others = [...ticked.values()].filter(({ id }) => !offered.some((team) => team.id === id))
  return {
    teams: [...others, ...offered].map(({ id, name }) => ({
      id,
      name,
      field: `${prefix}${id}`,
      isTicked: ticked.has(id),
    })),
    isSearched: some.length > mostAtAGlance,
    find,
  }
}

/** What was typed into a field that searches; nothing is asked for by an empty one, or by what no name holds. */
export function beginningOf(typed: string): string | undefined {
  return plainText(254).catch('').parse(typed) || undefined
}

/** What `members/team-field` shows: one team to choose from a list or, of many, by its name. */
export interface TeamField {
  teams: NamedTeam[]
  isSearched: boolean
}

export async function readTeamField(
  db: Queryable,
  organizationId: string,
  isOffered: (team: NamedTeam) => boolean = () => true,
): Promise<TeamField> {
  const teams = (await listTeamNames(db, organizationId, { limit: mostListed })).filter(isOffered)
  return { teams, isSearched: teams.length > mostAtAGlance }
}
