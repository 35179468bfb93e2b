import { authorizationOrigins, heldFrom, listGrantSources } from '#directory/access/authorization-origins.ts'
import { readCatalogue } from '#directory/access/authorization-queries.ts'
import { describeDataScope, describeOrigin, describePermission } from '#directory/access/describe-authorization.ts'
import { listAdminNames } from '#directory/organizations/membership-queries.ts'
import { listOrganizationsOfUser } from '#directory/organizations/organization-queries.ts'
import { renameOneself } from '#directory/users/rename-user.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import type { Text } from '#foundation/messages/message.ts'
import { sentence } from '#foundation/messages/sentence.ts'
import { displayName } from '#foundation/values/names.ts'
import { covers } from '#foundation/values/permission.ts'
import type { SignedInPages, SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'

const at = '/account/profile'
const mostAdmins = 5
const mostListed = 100

type ProfileRequest = SignedInRequest & { db: Queryable }

export function profilePages({ pages, db }: { pages: SignedInPages; db: Queryable }): Route[] {
  const { page, form } = pages.with({ db })
  return [
    ['GET', at, page(showProfile)],
    ['POST', at, form(postName, { returnTo: at })],
  ]
}

/** Who one is, and what one may do and see in the organization, each with where it comes from. */
async function showProfile(request: ProfileRequest): Promise<void> {
  const { name } = request.signedIn.user
  await renderProfile(request, { name, saved: request.ctx.query.saved === 'name' })
}

/** Changes one's own name. */
async function postName(request: ProfileRequest): Promise<void> {
  const { ctx, db, form, actor } = request
  const name = displayName.safeParse(form.name ?? '')
  if (!name.success) {
    const error = sentence(`Your name ${name.error.issues[0]?.message ?? 'is not valid'}.`)
    await renderProfile(request, { name: form.name ?? '', error }, 422)
    return
  }
  await renameOneself(db, actor, name.data)
  seeOther(ctx, `${at}?saved=name`)
}

async function renderProfile(
  request: ProfileRequest,
  locals: { name: string; error?: Text; saved?: boolean },
  status?: number,
): Promise<void> {
  const { db, signedIn, show } = request
  const { user, organization } = signedIn
  const [sources, catalogue, admins, organizations] = await Promise.all([
    listGrantSources(db, { userId: user.id, organizationId: organization.id }),
    readCatalogue(db),
    listAdminNames(db, organization.id, mostAdmins),
    listOrganizationsOfUser(db, user.id),
  ])
  const held = heldFrom(sources)
  const origins = authorizationOrigins(held, sources)
  await show(
    'profile',
    {
      at,
      ...locals,
      email: user.email,
      emailVerified: user.emailVerifiedAt !== null,
      superadmin: user.superadmin,
      isMember: sources.some(({ origin }) => origin === 'direct'),
      organizationName: organization.name,
      organizationNames: organizations.map((one) => one.name),
      admins,
      permissions: origins.permissions.slice(0, mostListed).map(({ permission, from }) => ({
        permission,
        title: describePermission(permission, catalogue),
        from: from.map(describeOrigin),
      })),
      dataScopes: origins.dataScopes
        .slice(0, mostListed)
        .map((scope) => ({ title: describeDataScope(scope), from: scope.from.map(describeOrigin) })),
      hiddenCount: Math.max(0, held.permissions.length - mostListed) + Math.max(0, held.dataScopes.length - mostListed),
      missing: [...catalogue.keys()]
        .filter((permission) => !held.permissions.some((granted) => covers(granted, permission)))
        .slice(0, mostListed)
        .map((permission) => ({ permission, title: describePermission(permission, catalogue) })),
    },
    status,
  )
}
