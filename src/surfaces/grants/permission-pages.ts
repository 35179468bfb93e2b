import { z } from 'zod'
import { listPermissionPage, requirePermission } from '#directory/access/authorization-queries.ts'
import { permissionName } from '#directory/access/grants.ts'
import { createPermission, deletePermission, describePermissionAnew } from '#directory/access/manage-permission.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { pageOf, pageQuery } from '#foundation/http/list.ts'
import { parse } from '#foundation/http/parse.ts'
import { statusOfCode } from '#foundation/http/problem-details.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { sentence } from '#foundation/messages/sentence.ts'
import { type FormProblems, formProblems, noErrors, refusedAt } from '#surfaces/page-kit/form-problems.ts'
import type { SignedInPages, SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'
import { permissionDescription } from './permission-api.ts'

type PermissionRequest = SignedInRequest & { db: Queryable }

const at = '/deployment/permissions'
const pageSize = 50

/** The catalogue of what may be granted, for superadmins. */
export function permissionPages({ pages, db }: { pages: SignedInPages; db: Queryable }): Route[] {
  const { page, form } = pages.with({ db })
  const back = { returnTo: at }
  return [
    ['GET', at, page((request) => renderPermissions(request, { name: '', description: '' }))],
    ['POST', at, form(postPermission, back)],
    ['GET', `${at}/:permission`, page((request) => renderPermission(request))],
    ['POST', `${at}/:permission`, form(postDescription, back)],
    ['POST', `${at}/:permission/delete`, form(postDelete, back)],
  ]
}

const newFields = z.object({ name: permissionName, description: permissionDescription })
const doneKinds = ['created', 'saved', 'deleted'] as const

async function renderPermissions(
  { db, ctx, show }: PermissionRequest,
  fields: z.input<typeof newFields>,
  { status, errors }: FormProblems = noErrors,
): Promise<void> {
  const { cursor } = parse(z.object({ cursor: pageQuery.cursor.catch(undefined) }), { cursor: ctx.query.cursor })
  const rows = await listPermissionPage(db, { limit: pageSize, cursor })
  const { items, next_cursor } = pageOf(
    rows,
    pageSize,
    ({ position }) => position,
    (row) => row,
  )
  await show(
    'permissions/list',
    {
      at,
      fields,
      errors,
      permissions: items,
      done: doneKinds.find((kind) => kind === ctx.query.done),
      isFirstPage: cursor === undefined,
      olderUrl: next_cursor && `${at}?${new URLSearchParams({ cursor: next_cursor })}`,
    },
    status,
  )
}

async function postPermission(request: PermissionRequest): Promise<void> {
  const { db, ctx, form, actor } = request
  const fields = { name: form.name ?? '', description: form.description ?? '' }
  const problems = await formProblems(newFields, fields, async (input) => {
    await createPermission(db, actor, input)
  }).catch(refusedAt('name'))
  if (problems) return renderPermissions(request, fields, problems)
  seeOther(ctx, `${at}?done=created`)
}

async function renderPermission(
  { db, ctx, show }: PermissionRequest,
  {
    entered,
    problems = noErrors,
    refusal,
  }: { entered?: string; problems?: FormProblems; refusal?: GatehouseError } = {},
): Promise<void> {
  const { name, description, createdAt } = await requirePermission(db, ctx.params.permission)
  await show(
    'permissions/permission',
    {
      at,
      name,
      createdAt,
      description: entered ?? description,
      errors: problems.errors,
      refusal: refusal && sentence(refusal.message),
    },
    refusal ? statusOfCode[refusal.code] : problems.status,
  )
}

async function postDescription(request: PermissionRequest): Promise<void> {
  const { db, ctx, form, actor } = request
  const { name } = await requirePermission(db, ctx.params.permission)
  const problems = await formProblems(z.object({ description: permissionDescription }), form, async (input) => {
    await describePermissionAnew(db, actor, name, input)
  })
  if (problems) return renderPermission(request, { entered: form.description ?? '', problems })
  seeOther(ctx, `${at}?done=saved`)
}

/** Only what nobody holds can go: who holds it is said instead. */
async function postDelete(request: PermissionRequest): Promise<void> {
  const { db, ctx, actor } = request
  const { name } = await requirePermission(db, ctx.params.permission)
  try {
    await deletePermission(db, actor, name)
  } catch (error) {
    if (!(error instanceof GatehouseError) || error.code !== 'conflict') throw error
    return renderPermission(request, { refusal: error })
  }
  seeOther(ctx, `${at}?done=deleted`)
}
