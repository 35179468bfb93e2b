import { z } from 'zod'
import { clientId } from '#directory/clients/client.ts'
import type { ClientMembers } from '#directory/clients/client-content.ts'
import { createClient } from '#directory/clients/create-client.ts'
import { findOrganization } from '#directory/organizations/organization-queries.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { parse } from '#foundation/http/parse.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message } from '#foundation/messages/message.ts'
import { type FormProblems, fieldErrors, noErrors } from '#surfaces/page-kit/form-problems.ts'
import { atFields, fieldsOfKind, type Typed, typedIn, typedMembers } from './application-form.ts'
import { type ApplicationKind, applicationKinds } from './client-kind.ts'
import { type ClientRequest, managementOf, pathOfClient, placeOf } from './client-request.ts'

/** Beside the list, for a client may have any id. */
export const adding = '/deployment/new-application'

/** Whose a new one shall be, as a link says. */
export function organizationAsked(query: Record<string, unknown>): string {
  return typeof query.organization === 'string' && query.organization !== '*' ? query.organization : ''
}

export async function showNewApplication(request: ClientRequest): Promise<void> {
  const typed = { ...typedIn({}), organization: organizationAsked(request.ctx.query) }
  await renderNew(request, kindNamed(request), typed)
}

/** Makes the application and leads on to the one page that shows its secret, where it has one. */
export async function postNewApplication(request: ClientRequest): Promise<void> {
  const { ctx, db, form, once, signedIn } = request
  const kind = kindNamed(request)
  const typed = typedIn(form)
  const problems = await fieldErrors(async () => {
    const members = typedMembers(typed, fieldsOfKind(kind))
    const { client, secret } = await createClient(db, managementOf(request), {
      clientId: parse(idField, { client_id: typed.client_id }).client_id,
      owner: await ownerTyped(request, typed.organization),
      members: { ...withoutNulls(members), ...asKind[kind] },
      grants: { permissions: [], dataScopes: [] },
      active: true,
    })
    const page = pathOfClient(request, client.clientId)
    if (secret === undefined) return seeOther(ctx, `${page}?done=created`)
    once.keep(ctx, signedIn, `${page}/secret`, secret)
    seeOther(ctx, `${page}/secret`)
  })
  if (problems) await renderNew(request, kind, typed, atFields(problems, typed))
}

const idField = z.object({
  client_id: z
    .string()
    .trim()
    .transform((id) => id || undefined)
    .pipe(clientId.optional()),
})

/** What follows from the kind alone. */
const asKind: Record<ApplicationKind, ClientMembers> = {
  web: { token_endpoint_auth_method: 'client_secret_basic', grant_types: ['authorization_code', 'refresh_token'] },
  public: { token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'] },
  api: { token_endpoint_auth_method: 'client_secret_basic', resource_server: true },
}

function withoutNulls<Members extends object>(members: Members) {
  const given = Object.entries(members).filter(([, value]) => value !== null)
  return Object.fromEntries(given) as { [Name in keyof Members]?: NonNullable<Members[Name]> }
}

/** @throws GatehouseError not_found */
function kindNamed({ ctx }: ClientRequest): ApplicationKind {
  const kind = applicationKinds.find((one) => one === ctx.params.kind)
  if (!kind) throw new GatehouseError('not_found', 'There is no such page.')
  return kind
}

/** @throws GatehouseError validation_failed */
async function ownerTyped({ db }: ClientRequest, named: string) {
  if (named.trim() === '') return null
  const organization = await findOrganization(db, named.trim())
  if (organization) return organization
  const refused = 'is no organization'
  throw new GatehouseError('validation_failed', `organization ${refused}.`, {
    fields: [{ path: 'organization', message: refused }],
  })
}

async function renderNew(
  request: ClientRequest,
  kind: ApplicationKind,
  values: Typed,
  { status, errors }: FormProblems = noErrors,
): Promise<void> {
  const locals = {
    ...placeOf(request),
    action: `${adding}/${kind}`,
    kind,
    heading: message(`applications.new.${kind}`),
    fields: fieldsOfKind(kind),
    values,
    errors,
  }
  await request.show('applications/new', locals, status)
}
