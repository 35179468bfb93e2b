import { z } from 'zod'
import { countMembersOfDomain, findDomain, listDomains } from '#directory/organizations/domain-queries.ts'
import {
  claimDomain,
  DomainRecordMissing,
  domainRecord,
  type ResolveTxt,
  removeDomain,
  verifyDomain,
} from '#directory/organizations/verify-domain.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { OrganizationDomain } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { pageOf, pageQuery } from '#foundation/http/list.ts'
import { parse } from '#foundation/http/parse.ts'
import { statusOfCode } from '#foundation/http/problem-details.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { type Message, message, type Text } from '#foundation/messages/message.ts'
import { emailDomain } from '#foundation/values/names.ts'
import { formProblems } from '#surfaces/page-kit/form-problems.ts'
import type { SignedInPages, SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'

const at = '/admin/domains'

interface Parts {
  db: Queryable
  encryption: Encryption
  resolveTxt: ResolveTxt
}

type DomainRequest = SignedInRequest & Parts

/** E-mail domains of an organization, and the proof that they are its own. */
export function domainPages({ pages, ...parts }: Parts & { pages: SignedInPages }): Route[] {
  const { page, form } = pages.with(parts)
  const back = { returnTo: at }
  return [
    ['GET', at, page((request) => showDomains(request))],
    ['POST', at, form(postDomain, back)],
    ['GET', `${at}/:domain`, page(showDomain)],
    ['POST', `${at}/:domain/check`, form(postCheck, back)],
    ['GET', `${at}/:domain/remove`, page(showRemove)],
    ['POST', `${at}/:domain/remove`, form(postRemove, back)],
  ]
}

const pageSize = 25
const doneKinds = ['claimed', 'verified', 'removed'] as const
const query = z.object({
  cursor: pageQuery.cursor.catch(undefined),
  done: z.enum(doneKinds).optional().catch(undefined),
})

interface Mistake {
  typed: string
  error: Text | undefined
  status: number
}

async function showDomains(request: DomainRequest, mistake?: Mistake): Promise<void> {
  const { db, ctx, actor, signedIn, show } = request
  const { cursor, done } = parse(query, { ...ctx.query })
  const rows = await listDomains(db, actor.organizationId, { limit: pageSize, cursor })
  const page = pageOf(
    rows,
    pageSize,
    (row) => row.position,
    (row) => row,
  )
  await show(
    'domains/list',
    {
      at,
      organizationName: signedIn.organization.name,
      domains: page.items.map(shownDomain),
      olderUrl: page.next_cursor ? `${at}?${new URLSearchParams({ cursor: page.next_cursor })}` : undefined,
      isFirstPage: cursor === undefined,
      done: done && message(`domains.done.${done}`),
      typed: mistake?.typed ?? '',
      error: mistake?.error,
    },
    mistake?.status,
  )
}

const claimForm = z.object({ domain: emailDomain })

async function postDomain(request: DomainRequest): Promise<void> {
  const { ctx, db, form } = request
  const { domain: typed = '' } = form
  try {
    // An address is what people have at hand, and says the same.
    const values = { domain: typed.trim().replace(/^.*@/, '') }
    const problems = await formProblems(claimForm, values, async ({ domain }) => {
      await claimDomain(db, managementOf(request), domain)
      seeOther(ctx, `${at}/${domain}?done=claimed`)
    })
    if (problems) await showDomains(request, { typed, error: problems.errors.domain, status: problems.status })
  } catch (error) {
    if (!(error instanceof GatehouseError) || error.code !== 'conflict') throw error
    const domain = typed.trim().replace(/^.*@/, '').toLowerCase()
    await showDomains(request, { typed, error: message('domains.on_list', { domain }), status: 409 })
  }
}

async function showDomain(request: DomainRequest): Promise<void> {
  const { done } = parse(query, { ...request.ctx.query })
  await renderDomain(request, await requireDomain(request), { done: done && message(`domains.done.${done}`) })
}

/** Looks for the record, and says what is there where it isn't. */
async function postCheck(request: DomainRequest): Promise<void> {
  const { ctx, db } = request
  const row = await requireDomain(request)
  try {
    await verifyDomain(db, request, managementOf(request), row.domain)
    seeOther(ctx, `${at}/${row.domain}?done=verified`)
  } catch (error) {
    const isAnswer = error instanceof GatehouseError && ['conflict', 'temporarily_unavailable'].includes(error.code)
    if (!isAnswer) throw error
    const found = error instanceof DomainRecordMissing ? error.found : undefined
    const problem = found ? message('domains.not_yet') : reasonOf(error, row)
    await renderDomain(request, row, { problem, found }, statusOfCode[error.code])
  }
}

function reasonOf({ code }: GatehouseError, { domain }: OrganizationDomain): Message {
  return code === 'conflict' ? message('domains.owned', { domain }) : message('domains.no_answer')
}

async function showRemove(request: DomainRequest): Promise<void> {
  const { db, signedIn, show } = request
  const row = await requireDomain(request)
  await show('domains/remove', {
    at,
    organizationName: signedIn.organization.name,
    domain: shownDomain(row),
    members: await countMembersOfDomain(db, row),
  })
}

async function postRemove(request: DomainRequest): Promise<void> {
  const { domain } = await requireDomain(request)
  await removeDomain(request.db, managementOf(request), domain)
  seeOther(request.ctx, `${at}?done=removed`)
}

async function renderDomain(
  request: DomainRequest,
  row: OrganizationDomain,
  more: { done?: Message | undefined; problem?: Text; found?: readonly string[] | undefined },
  status = 200,
): Promise<void> {
  const { db, encryption, signedIn, show } = request
  const locals = {
    at,
    organizationName: signedIn.organization.name,
    domain: shownDomain(row),
    record: domainRecord(encryption, row),
    members: await countMembersOfDomain(db, row),
    ...more,
  }
  await show('domains/domain', locals, status)
}

function shownDomain({ domain, verifiedAt, createdAt }: OrganizationDomain) {
  return {
    domain,
    href: `${at}/${domain}`,
    verifiedAt: verifiedAt ?? undefined,
    createdAt,
    state: verifiedAt
      ? { text: message('domains.state.verified'), tone: 'good' }
      : { text: message('domains.state.pending'), tone: 'warn' },
  }
}

function managementOf({ actor, signedIn }: DomainRequest) {
  return { actor, organization: signedIn.organization }
}

/** @throws GatehouseError not_found, for another organization's too */
async function requireDomain({ ctx, db, actor }: DomainRequest): Promise<OrganizationDomain> {
  const asked = emailDomain.safeParse(ctx.params.domain)
  const row = asked.success && (await findDomain(db, { organizationId: actor.organizationId, domain: asked.data }))
  if (!row) throw new GatehouseError('not_found', 'There is no such domain here.')
  return row
}
