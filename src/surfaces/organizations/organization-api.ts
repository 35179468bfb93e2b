import { z } from 'zod'
import { createOrganization } from '#directory/organizations/create-organization.ts'
import { editOrganization } from '#directory/organizations/edit-organization.ts'
import { listOrganizations } from '#directory/organizations/organization-queries.ts'
import type { Organization } from '#foundation/database/schema.ts'
import { listOf, pageOf, pageQuery } from '#foundation/http/list.ts'
import { yesOrNo } from '#foundation/http/yes-or-no.ts'
import { accentsOf, contrastOf } from '#foundation/values/accent.ts'
import { accentColor, displayName, locale, logoUrl, organizationSlug } from '#foundation/values/names.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'

const tags: [string] = ['Organizations']
const path = '/v1/organizations'
const ofOrganization = z.strictObject({ org: z.string() })

/** `/v1/organizations`: the tenants. */
export function organizationApi(): ApiRoute[] {
  return [
    apiRoute({
      name: 'listOrganizations',
      method: 'GET',
      path,
      summary: 'List organizations',
      description: 'Those that one belongs to; a superadmin sees all.',
      tags,
      query: z.strictObject({
        ...pageQuery,
        q: z
          .string()
          .max(200)
          .optional()
          .describe('Beginning of slug or name')
          .meta({ examples: ['ac'] }),
        active: yesOrNo.optional().describe('false: the suspended ones'),
      }),
      answer: listOf(organization),
      async handle({ db, actor, query: { limit, cursor, ...filter } }) {
        const userId = actor.isAdmin && actor.user.superadmin ? undefined : actor.user.id
        const rows = await listOrganizations(db, { ...filter, userId }, { limit, cursor })
        return pageOf(rows, limit, ({ at, id }) => ({ at, id }), toAnswer)
      },
    }),
    apiRoute({
      name: 'createOrganization',
      method: 'POST',
      path,
      summary: 'Create an organization',
      description:
        'It has no members yet: invite its first administrator. A name that looks like another’s is refused.',
      tags,
      body: z.strictObject({ slug: organizationSlug, name: displayName, ...branding }),
      status: 201,
      answer: organization,
      errors: ['conflict'],
      async handle({ db, actor, body: { slug, name, logo_url: logoUrl, accent_color, default_locale } }) {
        const look = { logoUrl, accentColor: accent_color, defaultLocale: default_locale }
        return toAnswer(await createOrganization(db, actor, { slug, name, ...look }))
      },
    }),
    apiRoute({
      name: 'getOrganization',
      method: 'GET',
      path: `${path}/{org}`,
      summary: 'Read an organization',
      tags,
      params: ofOrganization,
      answer: organization,
      handle: async ({ organization }) => toAnswer(organization),
    }),
    apiRoute({
      name: 'editOrganization',
      method: 'PATCH',
      path: `${path}/{org}`,
      summary: 'Change an organization',
      description:
        'What is left out stays; null removes. `active: false` suspends it, for superadmins alone and not by API key: its ' +
        'tokens, keys and pages stop at once.',
      tags,
      params: ofOrganization,
      body: z.strictObject({
        name: displayName.optional(),
        ...branding,
        allows_keys_in_query: z.boolean().optional().describe('Whether API keys are accepted in a URL'),
        join_by_domain: z.boolean().optional().describe('Whether people of its verified domains join by signing up'),
        active: z.boolean().optional(),
      }),
      answer: organization,
      handle: async ({ db, actor, organization, body }) =>
        toAnswer(
          await editOrganization(
            db,
            { actor, organization },
            {
              ...given('name', body.name),
              ...given('logoUrl', body.logo_url),
              ...given('accentColor', body.accent_color),
              ...given('allowsKeysInQuery', body.allows_keys_in_query),
              ...given('joinByDomain', body.join_by_domain),
              ...given('defaultLocale', body.default_locale),
              ...given('active', body.active),
            },
          ),
        ),
    }),
  ]
}

function given<Name extends string, Value>(name: Name, value: Value | undefined) {
  return (value === undefined ? {} : { [name]: value }) as { [Key in Name]?: Value }
}

/** A colour so pale or so dark that the pages would show quite another one is not what the organization wants. */
const legibleAccent = accentColor.refine((color) => contrastOf(color, accentsOf(color).light) <= 3, {
  error: (issue) =>
    `is too pale to be read: white text on it has a contrast of ${contrastOf(String(issue.input), '#ffffff').toFixed(1)} : 1, ` +
    `and 4.5 : 1 is needed; ${accentsOf(String(issue.input)).light} would do`,
})

export const branding = {
  logo_url: logoUrl
    .nullish()
    .describe('Shown on its sign-in page; null: none')
    .meta({ examples: ['https://acme.example/logo.svg'] }),
  accent_color: legibleAccent
    .nullish()
    .describe('Of buttons and links on its pages; null: ours')
    .meta({ examples: ['#1a5fb4'] }),
  default_locale: locale
    .nullish()
    .describe('Of its pages and mails, for people whose browser asks for no language that there is; null: English')
    .meta({ examples: ['de'] }),
}

function toAnswer(row: Organization): z.infer<typeof organization> {
  return {
    id: row.id,
    slug: row.slug,
    name: row.name,
    logo_url: row.logoUrl,
    accent_color: row.accentColor,
    default_locale: row.defaultLocale,
    allows_keys_in_query: row.allowsKeysInQuery,
    join_by_domain: row.joinByDomain,
    active: row.suspendedAt === null,
    created_at: row.createdAt.toISOString(),
  }
}

const organization = z
  .object({
    id: z.string().meta({ examples: ['org_3kTq0x'] }),
    slug: z.string().meta({ examples: ['acme'] }),
    name: z.string().meta({ examples: ['Acme Corporation'] }),
    logo_url: z
      .string()
      .nullable()
      .describe('Shown on its sign-in page')
      .meta({ examples: ['https://acme.example/logo.svg'] }),
    accent_color: z
      .string()
      .nullable()
      .describe('Of buttons and links on its pages')
      .meta({ examples: ['#1a5fb4'] }),
    default_locale: z
      .string()
      .nullable()
      .describe('Of its pages and mails, for people whose browser asks for no language that there is')
      .meta({ examples: ['de'] }),
    allows_keys_in_query: z.boolean().describe('Whether API keys are accepted in a URL'),
    join_by_domain: z.boolean().describe('Whether people of its verified domains join by signing up'),
    active: z.boolean().describe('false: suspended'),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Organization', description: 'A tenant' })
