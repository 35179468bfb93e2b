import type Koa from 'koa'
import { type Actor, findActor, requireAdmin, requireSuperadmin } from '#directory/users/actor.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Form } from '#foundation/http/read-form.ts'
import type { RouteHandler } from '#foundation/http/router.ts'
import { accountFrame, adminFrame, deploymentFrame, type Show } from './account-frame.ts'
import type { Csrf } from './csrf.ts'
import { postedForm } from './posted-form.ts'
import type { Render } from './render.ts'
import type { RequireSignedInUser, SignedInUser, SignInDemand } from './signed-in-user.ts'

/** One request of a signed-in person for a page. */
export interface SignedInRequest {
  ctx: Koa.Context
  /** Empty for GET. */
  form: Form
  signedIn: SignedInUser
  actor: Actor
  show: Show
}

/** What makes route handlers of what a page does. */
export interface SignedInPages {
  /** @param parts what these pages need besides; each request of theirs carries it */
  with<Parts extends object>(parts: Parts): PagesWith<SignedInRequest & Parts>
}

export interface PagesWith<Request> {
  page(handler: (request: Request) => Promise<void>, demand?: SignInDemand): RouteHandler
  /** A person whose session has ended meanwhile comes back to `demand.returnTo`: what the form said is gone. */
  form(handler: (request: Request) => Promise<void>, demand: SignInDemand & { returnTo: string }): RouteHandler
}

interface SignedInPagesParts {
  db: Queryable
  csrf: Csrf
  render: Render
  requireSignedInUser: RequireSignedInUser
}

/** One's own pages. No one is an administrator here: what they may do to what is others' is in `/admin`. */
export function accountPageKit(parts: SignedInPagesParts): SignedInPages {
  return signedInPages(parts, async (ctx, signedIn) => {
    const { user, organization } = signedIn
    const actor = { user, organizationId: organization.id, isAdmin: false }
    return { actor, show: accountFrame(parts, ctx, signedIn) }
  })
}

/** Pages of an organization's administrators: the organization is the one that they have signed in to. */
export function adminPageKit(parts: SignedInPagesParts): SignedInPages {
  return signedInPages(parts, async (ctx, signedIn) => {
    const actor = await findActor(parts.db, { user: signedIn.user, organizationId: signedIn.organization.id })
    requireAdmin(actor)
    return { actor, show: adminFrame(parts, ctx, signedIn) }
  })
}

/** Pages of the whole deployment, for superadmins, in whichever organization they have signed in to. */
export function deploymentPageKit(parts: SignedInPagesParts): SignedInPages {
  return signedInPages(parts, async (ctx, signedIn) => {
    const actor = await findActor(parts.db, { user: signedIn.user, organizationId: signedIn.organization.id })
    requireSuperadmin(actor)
    return { actor, show: deploymentFrame(parts, ctx, signedIn) }
  })
}

const empty: Form = {}

/** @param placeOf with which rights the person acts on these pages, and their frame; it may refuse them */
function signedInPages(
  { csrf, requireSignedInUser }: SignedInPagesParts,
  placeOf: (ctx: Koa.Context, signedIn: SignedInUser) => Promise<Pick<SignedInRequest, 'actor' | 'show'>>,
): SignedInPages {
  return {
    with(parts) {
      type Handler = (request: SignedInRequest & typeof parts) => Promise<void>

      async function handle(ctx: Koa.Context, form: Form, handler: Handler, demand?: SignInDemand) {
        const signedIn = await requireSignedInUser(ctx, demand)
        if (signedIn) await handler({ ...parts, ctx, form, signedIn, ...(await placeOf(ctx, signedIn)) })
      }

      return {
        page: (handler, demand) => (ctx) => handle(ctx, empty, handler, demand),
        form: (handler, demand) => async (ctx) => handle(ctx, await postedForm(ctx, csrf), handler, demand),
      }
    },
  }
}
