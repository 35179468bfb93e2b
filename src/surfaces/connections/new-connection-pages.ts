import { callbackUrl } from '#authentication/connections/connection.ts'
import { signedOutUrl } from '#authentication/connections/connection-addresses.ts'
import {
  freeConnectionName,
  type ProviderKind,
  providerKinds,
  providerNames,
} from '#authentication/connections/provider-kind.ts'
import {
  createConnection,
  mostConnections,
  requireMayManageConnections,
} from '#authentication/connections/save-connection.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message, type Text } from '#foundation/messages/message.ts'
import { fieldErrors } from '#surfaces/page-kit/form-problems.ts'
import { readNewConnection } from './connection-form.ts'
import { type ConnectionRequest, managementOf, ownerIdOf, pageOfConnection } from './managed-connection.ts'
import { guideOf } from './provider-guide.ts'

/** Which provider it is: each has a page of its own. */
export async function showKinds(request: ConnectionRequest): Promise<void> {
  const { at, adding, owner, signedIn, show } = request
  requireMayManageConnections(managementOf(request))
  const kinds = providerKinds.map((kind) => ({
    kind,
    name: providerNames[kind],
    about: message(`connections.about.${kind}`),
    href: `${adding}/${kind}`,
  }))
  await show('connections/kinds', { at, owner, organizationName: signedIn.organization.name, kinds })
}

/** What people know it as; the others say it by themselves, or have no name. */
const buttonWords: Partial<Record<ProviderKind, string>> = { okta: 'Okta', entra: 'Microsoft', keycloak: 'Keycloak' }

/** What to do at the provider, with our addresses to be registered there; then what to paste here. */
export async function showNew(request: ConnectionRequest): Promise<void> {
  requireMayManageConnections(managementOf(request))
  const kind = requireKind(request)
  const { name: asked } = request.ctx.query
  const wanted = typeof asked === 'string' && asked !== '' ? asked.trim().toLowerCase() : undefined
  const name = await nameFor(request, kind, wanted)
  const isTaken = wanted !== undefined && name !== wanted
  const values = { jit: kind === 'google' || kind === 'github' ? '' : 'yes', display_name: buttonWords[kind] }
  await renderNew(request, kind, { name, values, ...(isTaken && { nameError: message('connections.name_taken') }) })
}

export async function postNew(request: ConnectionRequest): Promise<void> {
  const { ctx, db, form } = request
  const kind = requireKind(request)
  const { name = '' } = form
  try {
    const problems = await fieldErrors(async () => {
      const created = await createConnection(db, request, managementOf(request), readNewConnection(kind, form))
      const done = created.handle === created.name ? 'created' : 'created_elsewhere'
      seeOther(ctx, `${pageOfConnection(request, created)}?done=${done}`)
    })
    if (problems) await renderNew(request, kind, { name, values: form, ...problems })
  } catch (error) {
    if (!(error instanceof GatehouseError) || error.code !== 'conflict') throw error
    // Too many, or the name was taken meanwhile: then the address to be registered is another.
    const free = await nameFor(request, kind)
    const why = (await isFree(request, name))
      ? { refusal: message('connections.too_many', { most: mostConnections }) }
      : { nameError: message('connections.name_taken') }
    await renderNew(request, kind, { name: free, values: form, status: 409, ...why })
  }
}

interface NewPage {
  name: string
  values: Readonly<Record<string, string | undefined>>
  status?: number
  errors?: Record<string, Text>
  nameError?: Text | undefined
  refusal?: Text
}

async function renderNew(request: ConnectionRequest, kind: ProviderKind, page: NewPage): Promise<void> {
  const { issuer, at, adding, owner, signedIn, show } = request
  const { name, values, status = 200, errors = {}, nameError, refusal } = page
  const addresses = {
    callback: callbackUrl(issuer, { handle: name }),
    signed_out: signedOutUrl(issuer, { handle: name }),
    homepage: issuer,
  }
  await show(
    'connections/new',
    {
      at,
      adding,
      owner,
      organizationName: signedIn.organization.name,
      kind,
      kindName: providerNames[kind],
      guide: guideOf(kind, addresses),
      name,
      values,
      errors,
      nameError: nameError ?? errors.name,
      refusal,
    },
    status,
  )
}

/** @throws GatehouseError not_found */
function requireKind({ ctx }: ConnectionRequest): ProviderKind {
  const kind = providerKinds.find((one) => one === ctx.params.kind)
  if (!kind) throw new GatehouseError('not_found', 'There is no such provider.')
  return kind
}

/** What is asked for when it is free, else what the provider and its owner are called. */
async function nameFor(request: ConnectionRequest, kind: ProviderKind, wanted?: string): Promise<string> {
  const { db, owner, signedIn } = request
  const given = owner === 'organization' ? `${signedIn.organization.slug.slice(0, 50)}-${kind}` : kind
  const base = wanted !== undefined && /^[a-z0-9][a-z0-9-]{0,62}$/.test(wanted) ? wanted : given
  return (await freeConnectionName(db, { organizationId: ownerIdOf(request) }, base)) ?? base
}

async function isFree(request: ConnectionRequest, name: string): Promise<boolean> {
  return (await freeConnectionName(request.db, { organizationId: ownerIdOf(request) }, name)) === name
}
