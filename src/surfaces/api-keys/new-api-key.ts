import { expiryOf, type NewApiKeyInput } from '#authentication/api-keys/api-key-input.ts'
import { type ApiKey, countLiveApiKeys, hasKeyNamed } from '#authentication/api-keys/api-key-queries.ts'
import { createApiKey } from '#authentication/api-keys/create-api-key.ts'
import { mayEmpower, mostLiveKeys, nameTaken, requireRoom } from '#authentication/api-keys/manage-api-key.ts'
import { heldFrom, listGrantSources } from '#directory/access/authorization-origins.ts'
import { listDataScopesInUse, readCatalogue } from '#directory/access/authorization-queries.ts'
import { describeDataScope, describePermission } from '#directory/access/describe-authorization.ts'
import type { Grants } from '#directory/access/grants.ts'
import { findMember, listMembers, type Member } from '#directory/organizations/membership-queries.ts'
import { findActor, isActor } from '#directory/users/actor.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { Form } from '#foundation/http/read-form.ts'
import { coversScope, type DataScope } from '#foundation/values/data-scope.ts'
import { covers } from '#foundation/values/permission.ts'
import { type FormProblems, noErrors } from '#surfaces/page-kit/form-problems.ts'
import { expiryChoices, keyFieldsOf, keyFormProblems, mayField, readNewKey, seesField } from './api-key-form.ts'
import type { ApiKeyRequest } from './api-key-request.ts'

/*
 * Making a key, in three pages without a script: the form, a summary to confirm, and the key itself, which is in
 * the answer to that confirmation and nowhere else. What was typed travels in hidden fields and is checked at every step.
 */

const mostOffered = 100

export async function showNewApiKey(request: ApiKeyRequest): Promise<void> {
  const { user } = request.ctx.query
  await renderForm(request, { user: typeof user === 'string' ? user : '' }, noErrors)
}

/** From the form to its summary, and back again to change something. */
export async function postNewApiKey(request: ApiKeyRequest): Promise<void> {
  const { form } = request
  if (form.step === 'change') return renderForm(request, form, noErrors)
  const problems = await keyFormProblems(form, async () => renderSummary(request, await readRequestedKey(request)))
  if (problems) await renderForm(request, form, problems)
}

/**
 * Makes the key, and shows it. No redirect follows, which could carry it nowhere but in an address: a person who
 * reloads is asked whether to send the form again, and then told that the name is taken.
 */
export async function postApiKey(request: ApiKeyRequest): Promise<void> {
  const { form, actor } = request
  const problems = await keyFormProblems(form, async () => {
    const { owner, ...input } = await readRequestedKey(request)
    await showCreated(request, await createApiKey(request, actor, { ...input, user: owner.id }))
  })
  if (problems) await renderForm(request, form, problems)
}

/** The one page that ever shows a key. */
export async function showCreated(
  { actor, at, issuer, show }: ApiKeyRequest,
  { key, apiKey }: { key: string; apiKey: ApiKey },
): Promise<void> {
  const { name, format, expiresAt, user } = apiKey
  const isOwn = user.id === actor.user.id
  await show('api-keys/created', { at, key, name, format, user, isOwn, expiresAt, url: `${issuer}/v1/me` })
}

interface RequestedKey extends NewApiKeyInput {
  owner: Member
}

/** @throws GatehouseError validation_failed */
async function readRequestedKey(request: ApiKeyRequest): Promise<RequestedKey> {
  const input = readNewKey(request.form)
  return { ...input, owner: await requireOwner(request) }
}

/** On one's own pages a key is one's own, whatever the form says. */
async function requireOwner({ db, form, actor }: ApiKeyRequest): Promise<Member> {
  const { user, organizationId, isAdmin } = actor
  const wanted = form.user ?? ''
  if (!isAdmin || isActor(actor, wanted)) return user
  const member = await findMember(db, organizationId, wanted)
  if (member) return member
  const message = wanted === '' ? 'Choose whose key it is.' : 'Nobody in this organization has this address.'
  throw new GatehouseError('validation_failed', message, { fields: [{ path: 'user', message }] })
}

/** What creating would refuse is refused here already, while changing it is easy; the creation itself decides. */
async function renderSummary(request: ApiKeyRequest, { owner, ...input }: RequestedKey): Promise<void> {
  const { db, form, actor, at, signedIn, show } = request
  const { organizationId } = actor
  const now = new Date()
  const expiry = expiryOf(input, { now, createdAt: now })
  if (expiry.outcome === 'refused') {
    const { path, message } = expiry
    throw new GatehouseError('validation_failed', `The expiration ${message}.`, { fields: [{ path, message }] })
  }
  const keysOf = { userId: owner.id, organizationId }
  if (await hasKeyNamed(db, keysOf, input.name)) throw nameTaken()
  await requireRoom(db, keysOf, now)
  const [held, catalogue] = await Promise.all([readHeld(request, owner.id), readCatalogue(db)])
  await show('api-keys/confirm', {
    at,
    name: input.name,
    description: input.description,
    format: input.format,
    administration: input.administration,
    owner,
    isOwn: owner.id === actor.user.id,
    organizationName: signedIn.organization.name,
    expiresAt: expiry.expiresAt,
    may: input.permissions?.map((permission) => ({
      title: describePermission(permission, catalogue),
      isHeld: held.permissions.some((granted) => covers(granted, permission)),
    })),
    sees: input.data_scopes?.map((scope) => ({
      title: describeDataScope(scope),
      isHeld: held.dataScopes.some((granted) => coversScope(granted, scope)),
    })),
    fields: keyFieldsOf(form),
  })
}

async function renderForm(request: ApiKeyRequest, values: Form, { status, errors }: FormProblems): Promise<void> {
  const { db, actor, at, signedIn, show } = request
  const { user, organizationId, isAdmin } = actor
  const now = new Date()
  const [live, offered, catalogue, people, mayAdminister] = await Promise.all([
    countLiveApiKeys(db, { userId: user.id, organizationId }, now),
    isAdmin ? offeredToMembers(request) : readHeld(request, user.id),
    readCatalogue(db),
    isAdmin ? listPossibleOwners(request) : undefined,
    isAdmin || findActor(db, { user, organizationId }).then((self) => self.isAdmin),
  ])
  const permissions = [...catalogue.keys()].filter((name) =>
    offered.permissions.some((granted) => covers(granted, name)),
  )
  await show(
    'api-keys/new',
    {
      at,
      values,
      errors,
      isFull: !isAdmin && live >= mostLiveKeys,
      mostLive: mostLiveKeys,
      organizationName: signedIn.organization.name,
      expiry: expiryChoices(now, now),
      isAdmin,
      mayAdminister,
      people,
      permissions: permissions.slice(0, mostOffered).map((name) => ({
        name,
        field: mayField(name),
        title: describePermission(name, catalogue),
      })),
      dataScopes: offered.dataScopes
        .filter(({ source }) => source !== null)
        .slice(0, mostOffered)
        .map((scope: DataScope) => ({ field: seesField(scope), title: describeDataScope(scope) })),
    },
    status,
  )
}

async function readHeld({ db, actor }: ApiKeyRequest, userId: string): Promise<Grants> {
  return heldFrom(await listGrantSources(db, { userId, organizationId: actor.organizationId }))
}

/** Before it is known whose key it is: all there is. The key never does more than its owner may. */
async function offeredToMembers({ db, actor }: ApiKeyRequest): Promise<Grants> {
  return { permissions: ['*'], dataScopes: await listDataScopesInUse(db, actor.organizationId, mostOffered) }
}

/** Undefined: too many for a list, so an address is typed. */
async function listPossibleOwners({ db, actor }: ApiKeyRequest): Promise<Member[] | undefined> {
  const members = await listMembers(db, actor.organizationId, mostOffered + 1)
  if (members.length > mostOffered) return undefined
  const owners = members.filter((member) => member.active && mayEmpower(actor, member))
  return owners.some(({ id }) => id === actor.user.id) ? owners : [actor.user, ...owners]
}
