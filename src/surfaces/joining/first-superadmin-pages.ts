import type Koa from 'koa'
import { z } from 'zod'
import {
  createFirstSuperadmin,
  firstSuperadminPage,
  isFirstSuperadminLink,
} from '#authentication/joining/first-superadmin.ts'
import { newAccountFields } from '#authentication/joining/register-user.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Form } from '#foundation/http/read-form.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message } from '#foundation/messages/message.ts'
import { emailAddress } from '#foundation/values/email-address.ts'
import { displayName } from '#foundation/values/names.ts'
import type { Csrf } from '#surfaces/page-kit/csrf.ts'
import { showDeadLink } from '#surfaces/page-kit/dead-link.ts'
import { formProblems, noErrors } from '#surfaces/page-kit/form-problems.ts'
import { postedForm } from '#surfaces/page-kit/posted-form.ts'
import type { Render } from '#surfaces/page-kit/render.ts'
import { authorizationRequest } from '#surfaces/page-kit/signed-in-user.ts'
import { tokenOf } from './asking-for-mail.ts'

/** What the link that a start without users shows leads to: the form by which the first superadmin is created. */
export function firstSuperadminPages(parts: { issuer: string; db: Queryable; render: Render; csrf: Csrf }): Route[] {
  const { issuer, db, render, csrf } = parts

  async function openForm(ctx: Koa.Context): Promise<void> {
    const token = tokenOf(ctx)
    if (!(await isFirstSuperadminLink(db, token))) return showEnded(ctx)
    await showForm(ctx, { token })
  }

  async function postForm(ctx: Koa.Context): Promise<void> {
    const form = await postedForm(ctx, csrf)
    const { token = '' } = form
    if (!(await isFirstSuperadminLink(db, token))) return showEnded(ctx)
    const problems = await formProblems(fieldsOf(form), form, async (fields) => {
      const user = await createFirstSuperadmin(db, { token, ...fields })
      if (!user) return showEnded(ctx)
      seeOther(ctx, authorizationRequest(issuer, '/account', { login_hint: user.email, prompt: 'login' }))
    })
    if (problems) await showForm(ctx, form, problems)
  }

  async function showForm(ctx: Koa.Context, form: Form, { errors, status } = noErrors): Promise<void> {
    const { token, name = '', email = '', organization = '' } = form
    const locals = { action: firstSuperadminPage, token, name, email, organization, errors }
    await render(ctx, 'joining/first-superadmin', locals, { status })
  }

  function showEnded(ctx: Koa.Context): Promise<void> {
    const back = { label: message('page-kit.sign_in'), href: '/account' }
    return showDeadLink(render, ctx, back, message('joining.first.ended'))
  }

  return [
    ['GET', firstSuperadminPage, openForm],
    ['POST', firstSuperadminPage, postForm],
  ]
}

function fieldsOf({ email = '', organization = '' }: Form) {
  return newAccountFields({ email, organizations: [organization] }).extend({
    email: emailAddress,
    organization: z.union([z.literal(''), displayName]).default(''),
  })
}
