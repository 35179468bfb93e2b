import { describeConnection } from '#authentication/connections/connection.ts'
import { providerKindOf } from '#authentication/connections/provider-kind.ts'
import { editConnection, listTeams, namesOf } from '#authentication/connections/save-connection.ts'
import type { Connection } from '#foundation/database/schema.ts'
import type { Form } from '#foundation/http/read-form.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import type { Text } from '#foundation/messages/message.ts'
import { type FormProblems, fieldErrors, noErrors } from '#surfaces/page-kit/form-problems.ts'
import {
  type GroupRow,
  groupRowsIn,
  mostGroupRows,
  readConnectionEdit,
  teamField,
  tickedTeams,
} from './connection-form.ts'
import {
  type ConnectionRequest,
  managementOf,
  ownerIdOf,
  pageOfConnection,
  requireNamed,
  shownConnection,
} from './managed-connection.ts'
import { fieldsOf, groupsGuideOf } from './provider-guide.ts'

/** Beyond that many entries, all lists of teams together, a team is typed instead of chosen. */
const mostChoices = 600

export async function showEdit(request: ConnectionRequest): Promise<void> {
  const connection = await requireNamed(request)
  const teams = await teamNames(request)
  const content = describeConnection(connection, namesOf(teams))
  const rows = Object.entries(content.group_teams).map(([group, team]) => ({ group, team }))
  const values = {
    display_name: content.display_name ?? '',
    issuer: content.issuer ?? '',
    client_id: content.client_id,
    jit: content.jit ? 'yes' : '',
    sign_out: content.sign_out ? 'yes' : '',
    group_claim: content.group_claim ?? '',
  }
  await renderEdit(request, connection, { values, rows, ticked: content.default_teams, teams }, noErrors)
}

/** Saves; or, by the buttons of the table of groups, shows the form with a row more or less and all that was typed. */
export async function postEdit(request: ConnectionRequest): Promise<void> {
  const { ctx, db, form } = request
  const connection = await requireNamed(request)
  const teams = await teamNames(request)
  const rows = groupRowsIn(form)
  const typed = { values: form, rows, ticked: tickedTeams(form), teams }
  if (form.step === 'row' || form.remove !== undefined) {
    if (form.step === 'row') rows.push({ group: '', team: '' })
    return renderEdit(request, connection, typed, noErrors)
  }
  const ofOrganization = ownerIdOf(request) !== null
  const holds = { teams: ofOrganization, groups: ofOrganization && hasGroupRows(connection) }
  const problems = await fieldErrors(async () => {
    const edit = readConnectionEdit(providerKindOf(connection), form, holds)
    await editConnection(db, request, managementOf(request), connection.name, edit)
    seeOther(ctx, `${pageOfConnection(request, connection)}?done=saved`)
  })
  if (problems) await renderEdit(request, connection, typed, problems)
}

interface TypedEdit {
  values: Form
  rows: GroupRow[]
  ticked: string[]
  teams: { id: string; name: string }[]
}

async function renderEdit(
  request: ConnectionRequest,
  connection: Connection,
  { values, rows, ticked, teams }: TypedEdit,
  { status, errors }: FormProblems,
): Promise<void> {
  const { at, owner, signedIn, show } = request
  const kind = providerKindOf(connection)
  await show(
    'connections/edit',
    {
      at,
      owner,
      organizationName: signedIn.organization.name,
      connection: shownConnection(request, connection),
      fields: fieldsOf(kind),
      hasSecret: connection.clientSecret !== null,
      values,
      errors,
      teams: teams.map(({ name }) => ({ name, field: teamField(name), ticked: ticked.includes(name) })),
      groups: connection.type === 'github' || !hasGroupRows(connection) ? undefined : groupsOf(rows, teams, errors),
      groupCount: Object.keys(connection.groupTeamIds).length,
      groupsGuide: groupsGuideOf(kind),
    },
    status,
  )
}

function groupsOf(rows: readonly GroupRow[], teams: readonly { name: string }[], errors: FormProblems['errors']) {
  return {
    rows: rows.map((row, index) => ({ ...row, index, error: errorOf(row, index, errors) })),
    mayAdd: rows.length < mostGroupRows,
    isChosen: (rows.length + 1) * teams.length <= mostChoices,
  }
}

/** The form's own mistakes are named by row, those that saving finds by group. */
function errorOf({ group }: GroupRow, index: number, errors: FormProblems['errors']): Text | undefined {
  return errors[`group.${index}`] ?? errors[`team.${index}`] ?? errors[`group_teams.${group.trim()}`]
}

/** GitHub has none, and of a great many no form could hold all. */
function hasGroupRows({ type, groupTeamIds }: Pick<Connection, 'type' | 'groupTeamIds'>): boolean {
  return type !== 'github' && Object.keys(groupTeamIds).length <= mostGroupRows
}

async function teamNames(request: ConnectionRequest): Promise<{ id: string; name: string }[]> {
  const teams = await listTeams(request.db, ownerIdOf(request))
  return teams.toSorted((one, other) => one.name.localeCompare(other.name, 'en'))
}
