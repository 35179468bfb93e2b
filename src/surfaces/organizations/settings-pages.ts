import { z } from 'zod'
import { listVerifiedDomains } from '#directory/organizations/domain-queries.ts'
import { editOrganization } from '#directory/organizations/edit-organization.ts'
import { brandOf } from '#directory/organizations/organization-brand.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { languages } from '#foundation/messages/languages.ts'
import { displayName } from '#foundation/values/names.ts'
import { type FormProblems, fieldErrors, formProblems, noErrors } from '#surfaces/page-kit/form-problems.ts'
import type { SignedInPages, SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'
import { branding } from './organization-api.ts'

const brandingAt = '/admin/branding'
const settingsAt = '/admin/settings'

type SettingsRequest = SignedInRequest & { db: Queryable }

/** What an organization is called and looks like, and who joins it by themselves: the fields of `PATCH /v1/organizations/{org}`. */
export function settingsPages({ pages, db }: { pages: SignedInPages; db: Queryable }): Route[] {
  const { page, form } = pages.with({ db })
  return [
    ['GET', brandingAt, page(showBranding)],
    ['POST', brandingAt, form(postBranding, { returnTo: brandingAt })],
    ['GET', settingsAt, page((request) => renderSettings(request, {}))],
    ['POST', `${settingsAt}/name`, form(postName, { returnTo: settingsAt })],
    ['POST', `${settingsAt}/joining`, form(postJoining, { returnTo: settingsAt })],
    ['POST', `${settingsAt}/language`, form(postLanguage, { returnTo: settingsAt })],
  ]
}

/** An empty field takes the look away. */
const brandingFields = z.object({
  logo_url: z
    .string()
    .trim()
    .transform((value) => value || null)
    .pipe(branding.logo_url.unwrap()),
  accent_color: z
    .string()
    .trim()
    .transform((value) => value || null)
    .pipe(branding.accent_color.unwrap()),
})

/** As it is, or as the query says that it might be: trying a colour changes nothing. */
async function showBranding(request: SettingsRequest): Promise<void> {
  const { ctx, signedIn } = request
  const { logoUrl, accentColor } = signedIn.organization
  const { logo_url: triedLogo, accent_color: triedColor } = ctx.query
  if (typeof triedLogo !== 'string' || typeof triedColor !== 'string') {
    await renderBranding(request, { logo_url: logoUrl ?? '', accent_color: accentColor ?? '' })
    return
  }
  const tried = { logo_url: triedLogo, accent_color: triedColor }
  const problems = await formProblems(brandingFields, tried, async () => {})
  await renderBranding(request, tried, problems, problems === undefined)
}

async function postBranding(request: SettingsRequest): Promise<void> {
  const { ctx, db, form, actor, signedIn } = request
  const fields = { logo_url: form.logo_url ?? '', accent_color: form.accent_color ?? '' }
  const problems = await formProblems(brandingFields, fields, async ({ logo_url, accent_color }) => {
    const edit = { logoUrl: logo_url, accentColor: accent_color }
    await editOrganization(db, { actor, organization: signedIn.organization }, edit)
  })
  if (problems) return renderBranding(request, fields, problems)
  seeOther(ctx, `${brandingAt}?saved=1`)
}

async function renderBranding(
  { ctx, signedIn, show }: SettingsRequest,
  fields: z.input<typeof brandingFields>,
  { status, errors }: FormProblems = noErrors,
  isTrial = false,
): Promise<void> {
  const brand = brandOf(signedIn.organization)
  const tried = {
    ...brand,
    logoUrl: fields.logo_url || undefined,
    accentColor: fields.accent_color.toLowerCase() || undefined,
  }
  const shown = isTrial ? tried : brand
  await show(
    'organizations/branding',
    {
      at: brandingAt,
      fields,
      errors,
      isTrial,
      saved: ctx.query.saved === '1',
      brand: shown,
      organizationSlug: signedIn.organization.slug,
    },
    status,
  )
}

async function postName(request: SettingsRequest): Promise<void> {
  const { ctx, db, form, actor, signedIn } = request
  const problems = await formProblems(z.object({ name: displayName }), form, async ({ name }) => {
    await editOrganization(db, { actor, organization: signedIn.organization }, { name })
  })
  if (problems) return renderSettings(request, { name: form.name ?? '' }, problems)
  seeOther(ctx, `${settingsAt}?saved=name`)
}

async function postJoining(request: SettingsRequest): Promise<void> {
  const { ctx, db, form, actor, signedIn } = request
  const joinByDomain = form.join_by_domain === 'yes'
  const problems = await fieldErrors(async () => {
    await editOrganization(db, { actor, organization: signedIn.organization }, { joinByDomain })
  })
  if (problems) return renderSettings(request, {}, problems)
  seeOther(ctx, `${settingsAt}?saved=joining`)
}

const languageFields = z.object({
  default_locale: z.union([z.enum(languages), z.literal('').transform(() => null)], 'must be one of those listed'),
})

async function postLanguage(request: SettingsRequest): Promise<void> {
  const { ctx, db, form, actor, signedIn } = request
  const problems = await formProblems(languageFields, form, async ({ default_locale: defaultLocale }) => {
    await editOrganization(db, { actor, organization: signedIn.organization }, { defaultLocale })
  })
  if (problems) return renderSettings(request, {}, problems)
  seeOther(ctx, `${settingsAt}?saved=language`)
}

/** Each in its own words: `Deutsch`. */
const languageChoices = languages.map((language) => ({
  language,
  name: new Intl.DisplayNames([language], { type: 'language' }).of(language) ?? language,
}))

async function renderSettings(
  { db, ctx, actor, signedIn, show }: SettingsRequest,
  entered: { name?: string },
  { status, errors }: FormProblems = noErrors,
): Promise<void> {
  const { organization } = signedIn
  const domains = await listVerifiedDomains(db, [organization.id])
  await show(
    'organizations/settings',
    {
      at: settingsAt,
      name: entered.name ?? organization.name,
      errors,
      saved: ['name', 'joining', 'language'].some((saved) => saved === ctx.query.saved),
      defaultLocale: organization.defaultLocale ?? '',
      languages: languageChoices,
      organizationId: organization.id,
      organizationSlug: organization.slug,
      joinByDomain: organization.joinByDomain,
      domains: domains.map(({ domain }) => domain).sort(),
      isSuperadmin: actor.user.superadmin,
    },
    status,
  )
}
