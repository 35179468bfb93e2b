import { canonicalGrants, type Grants } from '#directory/access/grants.ts'
import { listTeamPage, readTeamsOfMembers, type TeamGrants } from '#directory/access/team-queries.ts'
import { listManagedClients } from '#directory/clients/managed-client-queries.ts'
import { type ListedMember, listMembersNewestFirst } from '#directory/organizations/membership-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { type Position, pageOf } from '#foundation/http/list.ts'
import type { SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'
import { pathOfMember, pathOfServiceAccount, pathOfTeam } from './grant-holder.ts'

/** A page stays below sixty kilobytes. */
const pageSizes = { teams: 20, members: 10, accounts: 8 }

export type MatrixRequest = SignedInRequest & { db: Queryable }

/** Which of them: those whose name begins with `q`, from a place in the list on. */
interface Wanted {
  q: string
  cursor: Position | undefined
}

/** Somebody or something that has rights. */
export interface Row {
  name: string
  detail?: string
  href: string
  whyHref?: string
  isOff: boolean
  isSuperadmin: boolean
  own: Grants
  teams: readonly TeamGrants[]
}

interface Section {
  kind: 'teams' | 'members' | 'accounts'
  rows: Row[]
  nextCursor: string | null
  isFirst: boolean
}

export async function teamRows({ db, actor }: MatrixRequest, { q, cursor }: Wanted): Promise<Section> {
  const limit = pageSizes.teams
  const teams = await listTeamPage(db, actor.organizationId, { limit, cursor }, { q: q || undefined })
  return section(
    'teams',
    teams,
    { limit, cursor },
    ({ position }) => position,
    (team) => ({
      name: team.name,
      href: pathOfTeam(team.id),
      isOff: false,
      isSuperadmin: false,
      own: canonicalGrants(team),
      teams: [],
    }),
  )
}

/** Who is searched for is found without any grant, too. */
export async function memberRows({ db, actor }: MatrixRequest, { q, cursor }: Wanted): Promise<Section> {
  const limit = pageSizes.members
  const filter = q ? { q } : { granted: true }
  const members = await listMembersNewestFirst(db, actor.organizationId, filter, { limit, cursor })
  const teamsOf = await readTeamsOfMembers(
    db,
    actor.organizationId,
    members.map(({ id }) => id),
  )
  const positionOf = ({ at, id }: ListedMember) => ({ at, id })
  return section('members', members, { limit, cursor }, positionOf, (member) => ({
    name: member.name,
    detail: member.email,
    href: pathOfMember(member.userId),
    whyHref: `${pathOfMember(member.userId)}/why?permission=`,
    isOff: member.deactivatedAt !== null || member.userDeactivatedAt !== null,
    isSuperadmin: member.superadmin,
    own: canonicalGrants(member),
    teams: teamsOf.get(member.id) ?? [],
  }))
}

export async function accountRows({ db, actor }: MatrixRequest, { q, cursor }: Wanted): Promise<Section> {
  const limit = pageSizes.accounts
  const filter = { organizationId: actor.organizationId, serviceAccounts: true, q: q || undefined }
  const accounts = await listManagedClients(db, filter, { limit, cursor })
  return section(
    'accounts',
    accounts,
    { limit, cursor },
    ({ position }) => position,
    (account) => ({
      name: account.clientName,
      detail: account.clientId,
      href: pathOfServiceAccount(account.clientId),
      isOff: account.deactivatedAt !== null,
      isSuperadmin: false,
      own: canonicalGrants(account),
      teams: [],
    }),
  )
}

function section<Listed>(
  kind: Section['kind'],
  listed: readonly Listed[],
  { limit, cursor }: { limit: number; cursor: Position | undefined },
  positionOf: (one: Listed) => Position,
  toRow: (one: Listed) => Row,
): Section {
  const { items, next_cursor } = pageOf(listed, limit, positionOf, toRow)
  return { kind, rows: items, nextCursor: next_cursor, isFirst: cursor === undefined }
}
