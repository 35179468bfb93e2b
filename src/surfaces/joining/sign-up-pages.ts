import type Koa from 'koa'
import { z } from 'zod'
import { newAccountFields } from '#authentication/joining/register-user.ts'
import {
  completeSignUp,
  findOrganizationToJoin,
  findSignUp,
  findSignUpOrganization,
  ownerOf,
  requestSignUp,
  type SignUp,
  type SignUpPlace,
  signUpDetailsPage,
  signUpPage,
} from '#authentication/joining/sign-up.ts'
import { brandOf } from '#directory/organizations/organization-brand.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { Form } from '#foundation/http/read-form.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message } from '#foundation/messages/message.ts'
import { factsOfAsking } from '#foundation/outbox/mail.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import { displayName } from '#foundation/values/names.ts'
import { askingOf } from '#surfaces/page-kit/asking.ts'
import type { Csrf } from '#surfaces/page-kit/csrf.ts'
import { showDeadLink } from '#surfaces/page-kit/dead-link.ts'
import { formProblems, noErrors } from '#surfaces/page-kit/form-problems.ts'
import { postedForm } from '#surfaces/page-kit/posted-form.ts'
import { authorizationRequest } from '#surfaces/page-kit/signed-in-user.ts'
import { type AskingParts, askForMail, notArrived, tokenOf } from './asking-for-mail.ts'

export interface SignUpPagesParts extends AskingParts {
  issuer: string
  db: Queryable
  outbox: MailOutbox
  csrf: Csrf
  /** Whether people may sign up at no organization, and found their own. */
  signUp: 'open' | 'closed'
}

const sent = { lead: message('joining.sign_up.sent'), hint: notArrived }

/**
 * Registration: an address first, and through the link in the mail a name, a password and, where the person founds one,
 * an organization. The link shows by GET and is used by POST only, because mail scanners open every link.
 *
 * An organization's own page is open where the organization says so, whatever `SIGN_UP` says: no one gets into another
 * one by it.
 */
export function signUpPages(parts: SignUpPagesParts): Route[] {
  return [
    ...(parts.signUp === 'open' ? routesOf(parts, '/sign-up', async () => undefined) : []),
    ...routesOf(parts, '/o/:slug/sign-up', (ctx) => requireOrganization(parts.db, String(ctx.params.slug))),
  ]
}

function routesOf(parts: SignUpPagesParts, at: string, placeOf: (ctx: Koa.Context) => Promise<SignUpPlace>): Route[] {
  const here =
    (handle: (parts: SignUpPagesParts, ctx: Koa.Context, place: SignUpPlace) => Promise<void>) =>
    async (ctx: Koa.Context) =>
      handle(parts, ctx, await placeOf(ctx))
  return [
    ['GET', at, here((_, ctx, place) => parts.render(ctx, 'joining/ask-email', { ...askingAt(place), email: '' }))],
    ['POST', at, here(postAddress)],
    ['GET', `${at}/details`, here(openDetails)],
    ['POST', `${at}/details`, here(postDetails)],
  ]
}

/** @throws GatehouseError not_found */
async function requireOrganization(db: Queryable, slug: string): Promise<SignUpPlace> {
  const organization = await findSignUpOrganization(db, slug)
  if (organization) return organization
  throw new GatehouseError(
    'not_found',
    'You can’t sign up here. Ask an administrator of the organization to invite you.',
  )
}

function askingAt(place: SignUpPlace) {
  return {
    test: 'sign-up',
    heading: message('joining.sign_up.title'),
    lead: place ? message('joining.sign_up.lead_of', { organization: place.name }) : message('joining.sign_up.lead'),
    action: signUpPage(place),
    button: message('page-kit.send_the_link'),
    links: [{ label: message('joining.sign_up.sign_in_instead'), href: signInPage(place), test: 'to-sign-in' }],
    brand: place && brandOf(place),
  }
}

function signInPage(place: SignUpPlace): string {
  return place ? `/o/${place.slug}` : '/account'
}

async function postAddress(parts: SignUpPagesParts, ctx: Koa.Context, place: SignUpPlace): Promise<void> {
  const form = await postedForm(ctx, parts.csrf)
  const request = (email: string) => requestSignUp(parts, { email, asked: askingOf(ctx), place })
  const links = [{ label: message('page-kit.back_to_sign_in'), href: signInPage(place), test: 'to-sign-in' }]
  const ask = askingAt(place)
  await askForMail(parts, ctx, form, { ask, request, sent: { ...sent, links, brand: ask.brand } })
}

async function openDetails(parts: SignUpPagesParts, ctx: Koa.Context, place: SignUpPlace): Promise<void> {
  const token = tokenOf(ctx)
  const signUp = await findSignUp(parts.db, { place, token })
  if (!signUp) return showDeadSignUp(parts, ctx, place)
  await showDetails(parts, ctx, { token }, signUp)
}

async function postDetails(parts: SignUpPagesParts, ctx: Koa.Context, place: SignUpPlace): Promise<void> {
  const { db, issuer, csrf } = parts
  const form = await postedForm(ctx, csrf)
  const token = form.token ?? ''
  const signUp = await findSignUp(db, { place, token })
  if (!signUp) return showDeadSignUp(parts, ctx, place)
  const organization = place ? z.string().optional() : displayName
  const fields = newAccountFields(ownerOf(signUp, form.organization)).extend({ organization })
  const problems = await formProblems(fields, form, async ({ name, password, organization = '' }) => {
    const user = await completeSignUp(db, { place, token, name, password, organizationName: organization })
    if (!user) return showDeadSignUp(parts, ctx, place)
    // `prompt`: another person who is signed in with this browser is not taken for the new one.
    const more = { login_hint: user.email, prompt: 'login', ...(place && { organization: place.slug }) }
    seeOther(ctx, authorizationRequest(issuer, '/account', more))
  })
  if (problems) await showDetails(parts, ctx, form, signUp, problems)
}

function showDeadSignUp({ render }: SignUpPagesParts, ctx: Koa.Context, place: SignUpPlace): Promise<void> {
  return showDeadLink(render, ctx, { label: message('page-kit.ask_new_link'), href: signUpPage(place) })
}

async function showDetails(
  { db, render }: SignUpPagesParts,
  ctx: Koa.Context,
  form: Form,
  { email, place, asked }: SignUp,
  problems = noErrors,
): Promise<void> {
  const own = place ? undefined : await findOrganizationToJoin(db, email)
  const locals = {
    email,
    facts: factsOfAsking(asked),
    joins: place?.name,
    joinInstead: own && { name: own.name, href: signUpPage(own) },
    brand: place && brandOf(place),
    token: form.token,
    action: signUpDetailsPage(place),
    name: form.name ?? '',
    organization: form.organization ?? '',
    errors: problems.errors,
  }
  await render(ctx, 'joining/sign-up-details', locals, { status: problems.status })
}
