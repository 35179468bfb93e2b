import { z } from 'zod'
import { connectionShape, upstreamSecret } from '#authentication/connections/connection.ts'
import { issuerMeant, type ProviderKind, typeOfKind } from '#authentication/connections/provider-kind.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { parse } from '#foundation/http/parse.ts'
import type { Form } from '#foundation/http/read-form.ts'

/*
 * The forms of connections, said as the API's input and checked by its schemas. No field of a form is given twice: a box
 * has its value in its name (`team:Writers`), and a row of the table of groups its number (`group.3`, `team.3`).
 */

const writable = { ...connectionShape, client_secret: upstreamSecret.nullish() }
const newConnection = z.strictObject(writable)
const editedConnection = z.strictObject(writable).omit({ name: true, type: true }).partial()

/** More groups than these are looked after in the setup file or by API, where no form loses any. */
export const mostGroupRows = 100

const teamPrefix = 'team:'

/** The name of the box of a team that everybody joins. */
export function teamField(team: string): string {
  return teamPrefix + team
}

/** One row of the table of groups, as it was typed. */
export interface GroupRow {
  group: string
  team: string
}

/** Not enabled yet: it is tried first. @throws GatehouseError validation_failed */
export function readNewConnection(kind: ProviderKind, form: Form): z.infer<typeof newConnection> {
  requireFilledIn(kind, form)
  return parse(newConnection, {
    name: form.name ?? '',
    type: typeOfKind(kind),
    display_name: form.display_name?.trim() || null,
    issuer: issuerIn(kind, form),
    client_id: form.client_id?.trim() ?? '',
    client_secret: form.client_secret?.trim() || null,
    jit: form.jit === 'yes',
    enabled: false,
  })
}

/**
 * What a form for an existing connection asks for. An empty secret leaves the one that there is.
 * @param with.groups whether the form holds groups and teams
 * @throws GatehouseError validation_failed
 */
export function readConnectionEdit(
  kind: ProviderKind,
  form: Form,
  { teams, groups }: { teams: boolean; groups: boolean },
): z.infer<typeof editedConnection> {
  const secret = form.client_secret?.trim() || undefined
  return parse(editedConnection, {
    display_name: form.display_name?.trim() || null,
    issuer: issuerIn(kind, form),
    client_id: form.client_id?.trim() ?? '',
    ...(form.without_secret === 'yes' && secret === undefined ? { client_secret: null } : { client_secret: secret }),
    jit: form.jit === 'yes',
    sign_out: form.sign_out === 'yes',
    ...(teams && { default_teams: tickedTeams(form) }),
    ...(groups && { group_claim: form.group_claim?.trim() || null, group_teams: groupTeamsIn(form) }),
  })
}

/** All at once, for the schema looks at what spans fields only when each is right. */
function requireFilledIn(kind: ProviderKind, form: Form): void {
  const needed = [
    'client_id',
    ...(kind === 'oidc' ? [] : ['client_secret']),
    ...(typeOfKind(kind) === 'oidc' ? ['issuer'] : []),
  ]
  const fields = needed.filter((name) => !form[name]?.trim()).map((path) => ({ path, message: 'must not be empty' }))
  if (fields.length > 0) throw new GatehouseError('validation_failed', 'Some fields are empty.', { fields })
}

export function tickedTeams(form: Form): string[] {
  return Object.keys(form)
    .filter((name) => name.startsWith(teamPrefix))
    .map((name) => name.slice(teamPrefix.length))
}

/** The rows of a form by their numbers, without what `remove` names. */
export function groupRowsIn(form: Form): GroupRow[] {
  const numbers = Object.keys(form).flatMap((name) => /^group\.(\d{1,3})$/.exec(name)?.[1] ?? [])
  return numbers
    .filter((number) => number !== form.remove)
    .sort((one, other) => Number(one) - Number(other))
    .slice(0, mostGroupRows)
    .map((number) => ({ group: form[`group.${number}`] ?? '', team: form[`team.${number}`] ?? '' }))
}

/** A row left empty says nothing. @throws GatehouseError validation_failed at `group.<row>` or `team.<row>` */
function groupTeamsIn(form: Form): Record<string, string> {
  const found = new Map<string, string>()
  const fields = groupRowsIn(form).flatMap(({ group: typed, team: chosen }, row) => {
    const [group, team] = [typed.trim(), chosen.trim()]
    if (group === '' && team === '') return []
    if (group === '') return [{ path: `group.${row}`, message: 'must not be empty' }]
    if (team === '') return [{ path: `team.${row}`, message: 'must not be empty' }]
    if (found.has(group)) return [{ path: `group.${row}`, message: 'Each group stands here once.' }]
    found.set(group, team)
    return []
  })
  if (fields.length > 0) throw new GatehouseError('validation_failed', 'Some groups are not valid.', { fields })
  return Object.fromEntries(found)
}

function issuerIn(kind: ProviderKind, form: Form): string | null {
  if (kind === 'google') return null
  const issuer = issuerMeant(kind, form.issuer ?? '')
  if (/[<>]/.test(issuer)) {
    const fields = [{ path: 'issuer', message: 'Put your own values in the place of what is in angle brackets.' }]
    throw new GatehouseError('validation_failed', 'The issuer is an example.', { fields })
  }
  return issuer || null
}
