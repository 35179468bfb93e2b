import { z } from 'zod'
import { readCatalogue } from '#directory/access/authorization-queries.ts'
import { describeDataScope, describePermission } from '#directory/access/describe-authorization.ts'
import { deleteClient } from '#directory/clients/delete-client.ts'
import { editClient } from '#directory/clients/edit-client.ts'
import { listSecrets } from '#directory/clients/secret-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message } from '#foundation/messages/message.ts'
import { pathOfServiceAccount } from '#surfaces/grants/grant-holder.ts'
import type { ShownOnce } from '#surfaces/page-kit/shown-once.ts'
import type { SignedInPages } from '#surfaces/page-kit/signed-in-pages.ts'
import { freshSignIn } from '#surfaces/page-kit/signed-in-user.ts'
import { postEditAccount, postNewAccount, showEditAccount, showNewAccount } from './service-account-form.ts'
import { showAccounts } from './service-account-list-page.ts'
import { type AccountRequest, accountsPath, factsOf, managementOf, requireAccount } from './service-account-request.ts'
import { postEndSecret, postRotate, showEndSecret, showRotate, showSecret } from './service-account-secrets.ts'

/** The programs of an organization, for its administrators. */
export function serviceAccountPages({
  pages,
  ...parts
}: {
  pages: SignedInPages
  db: Queryable
  issuer: string
  once: ShownOnce
}): Route[] {
  const { page, form } = pages.with(parts)
  const one = `${accountsPath}/:client_id`
  const back = { returnTo: accountsPath }
  /** A secret opens what the account may do, for whoever has it. */
  const makingSecrets = { ...freshSignIn, ...back }
  return [
    ['GET', accountsPath, page(showAccounts)],
    ['GET', `${accountsPath}/new`, page(showNewAccount, freshSignIn)],
    ['POST', `${accountsPath}/new`, form(postNewAccount, { ...freshSignIn, returnTo: `${accountsPath}/new` })],
    ['GET', one, page(showAccount)],
    ['GET', `${one}/secret`, page(showSecret)],
    ['GET', `${one}/edit`, page(showEditAccount)],
    ['POST', `${one}/edit`, form(postEditAccount, back)],
    ['GET', `${one}/rotate`, page(showRotate, freshSignIn)],
    ['POST', `${one}/rotate`, form(postRotate, makingSecrets)],
    ['GET', `${one}/secrets/:id/end`, page(showEndSecret)],
    ['POST', `${one}/secrets/:id/end`, form(postEndSecret, back)],
    ['GET', `${one}/deactivate`, page((request) => ask(request, 'deactivate'))],
    ['POST', `${one}/deactivate`, form((request) => switchAccount(request, false), back)],
    ['POST', `${one}/activate`, form((request) => switchAccount(request, true), makingSecrets)],
    ['GET', `${one}/delete`, page((request) => ask(request, 'delete'))],
    ['POST', `${one}/delete`, form(postDelete, back)],
  ]
}

const doneWords = {
  saved: message('service-accounts.saved'),
  ended: message('service-accounts.ended'),
  off: message('service-accounts.switched_off'),
  on: message('service-accounts.switched_on'),
}
const doneKind = z
  .enum(Object.keys(doneWords) as (keyof typeof doneWords)[])
  .optional()
  .catch(undefined)

async function showAccount(request: AccountRequest): Promise<void> {
  const { ctx, db, issuer, show } = request
  const account = await requireAccount(request)
  const [secrets, catalogue] = await Promise.all([listSecrets(db, account.clientId), readCatalogue(db)])
  const done = doneKind.parse(ctx.query.done)
  await show('service-accounts/account', {
    at: accountsPath,
    account: factsOf(account),
    secrets: secrets.map((secret) => ({ ...secret, isLast: isTheOneThatStays(secret, secrets) })),
    tokenUrl: `${issuer}/oauth/token`,
    may: account.permissions.map((name) => ({ name, title: describePermission(name, catalogue) })),
    sees: account.dataScopes.map(describeDataScope),
    grantsUrl: pathOfServiceAccount(account.clientId),
    done: done && doneWords[done],
  })
}

/** The last that works until it is rotated can only be rotated. */
function isTheOneThatStays(secret: { expiresAt: Date | null }, all: readonly { expiresAt: Date | null }[]): boolean {
  return secret.expiresAt === null && all.filter(({ expiresAt }) => expiresAt === null).length === 1
}

/** Says what will break, and asks once. */
async function ask(request: AccountRequest, what: 'deactivate' | 'delete'): Promise<void> {
  const account = await requireAccount(request)
  const facts = factsOf(account)
  if (what === 'deactivate' && !facts.isActive) return seeOther(request.ctx, facts.path)
  const secrets = await listSecrets(request.db, account.clientId)
  const catalogue = await readCatalogue(request.db)
  await request.show('service-accounts/question', {
    at: accountsPath,
    what,
    account: facts,
    secrets: secrets.length,
    may: account.permissions.map((name) => ({ name, title: describePermission(name, catalogue) })),
    sees: account.dataScopes.map(describeDataScope),
  })
}

async function switchAccount(request: AccountRequest, active: boolean): Promise<void> {
  const { clientId, path } = factsOf(await requireAccount(request))
  await editClient(request.db, managementOf(request), clientId, { active })
  seeOther(request.ctx, `${path}?done=${active ? 'on' : 'off'}`)
}

async function postDelete(request: AccountRequest): Promise<void> {
  const { clientId } = factsOf(await requireAccount(request))
  await deleteClient(request.db, managementOf(request), clientId)
  seeOther(request.ctx, `${accountsPath}?done=deleted`)
}
