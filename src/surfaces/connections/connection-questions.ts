import {
  listMembersWithoutRequired,
  listPeopleOfConnection,
} from '#authentication/connections/foretell-connection-change.ts'
import { removeConnection } from '#authentication/connections/remove-connection.ts'
import { editConnection } from '#authentication/connections/save-connection.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import {
  type ConnectionRequest,
  managementOf,
  ownerIdOf,
  pageOfConnection,
  requireNamed,
  shownConnection,
} from './managed-connection.ts'

/** Asks once, and says who of the organization has not come in this way yet. */
export async function showRequired(request: ConnectionRequest): Promise<void> {
  const { db, at, owner, actor, signedIn, show } = request
  const connection = await requireNamed(request)
  const organizationId = ownerIdOf(request)
  if (organizationId === null) throw new GatehouseError('not_found', 'Only an organization requires a connection.')
  const asked = { id: connection.id, organizationId, userId: actor.user.id }
  const { isAmong, ...people } = await listMembersWithoutRequired(db, asked)
  await show('connections/required', {
    at,
    owner,
    organizationName: signedIn.organization.name,
    connection: shownConnection(request, connection),
    people,
    isOneself: isAmong,
  })
}

/** What is required also has to be on. */
export async function postRequired(request: ConnectionRequest): Promise<void> {
  const { ctx, db, form } = request
  const connection = await requireNamed(request)
  const required = form.required === 'yes'
  const edit = required ? { required, enabled: true } : { required }
  await editConnection(db, request, managementOf(request), connection.name, edit)
  seeOther(ctx, `${pageOfConnection(request, connection)}?done=${required ? 'required' : 'not_required'}`)
}

/** Asks once, and says who has no other way in. */
export async function showRemove(request: ConnectionRequest): Promise<void> {
  const { db, at, owner, signedIn, show } = request
  const connection = await requireNamed(request)
  await show('connections/remove', {
    at,
    owner,
    organizationName: signedIn.organization.name,
    connection: shownConnection(request, connection),
    people: await listPeopleOfConnection(db, connection),
  })
}

export async function postRemove(request: ConnectionRequest): Promise<void> {
  const { ctx, db, at } = request
  await removeConnection(db, managementOf(request), ctx.params.name ?? '')
  seeOther(ctx, `${at}?done=removed`)
}
