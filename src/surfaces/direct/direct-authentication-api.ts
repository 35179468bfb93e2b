import { z } from 'zod'
import { passwordLength } from '#authentication/passwords/password.ts'
import { atLeastOneOf } from '#foundation/http/field-rules.ts'
import { emailAddress, emailKey } from '#foundation/values/email-address.ts'
import { displayName, organizationSummary } from '#foundation/values/names.ts'
import {
  authenticateDirectly,
  type DirectAuthentication,
  type DirectAuthenticationParts,
} from '#protocol/direct/authenticate-directly.ts'
import { renewDirectly } from '#protocol/direct/renew-directly.ts'
import { signOutDirectly } from '#protocol/direct/sign-out-directly.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'

const tags: [string] = ['Authentication']

/** `/v1/auth`: tokens for scripts, by e-mail address and password. */
export function directAuthenticationApi(parts: DirectAuthenticationParts): ApiRoute[] {
  return [
    apiRoute({
      name: 'authenticate',
      method: 'POST',
      path: '/v1/auth/authenticate',
      alsoAt: ['/auth/authenticate'],
      summary: 'Sign in with e-mail address and password',
      description:
        'Whoever belongs to several organizations names one; else the answer is 409 `organization_required` with the ' +
        'list in `organizations`. An unknown address and a wrong password are answered alike.',
      tags,
      body: credentials,
      answer: tokens,
      errors: [
        'authentication_required',
        'permission_denied',
        'sso_required',
        'organization_required',
        'too_many_requests',
      ],
      handle: async ({ body, ip, userAgent }) => toJson(await authenticateDirectly(parts, { ...body, ip, userAgent })),
    }),
    apiRoute({
      name: 'refreshByUrl',
      method: 'GET',
      path: '/v1/auth/refresh/{token}',
      alsoAt: ['/auth/refresh/{token}'],
      summary: 'Renew tokens',
      description: `${renewal} Prefer POST, which has no secret in its URL.`,
      tags,
      changesState: true,
      params: presented,
      answer: tokens,
      errors: ['authentication_required'],
      handle: async ({ params: { token }, ip, userAgent }) =>
        toJson(await renewDirectly(parts, { token, method: 'GET', ip, userAgent })),
    }),
    apiRoute({
      name: 'refresh',
      method: 'POST',
      path: '/v1/auth/refresh',
      alsoAt: ['/auth/refresh'],
      summary: 'Renew tokens',
      description: renewal,
      tags,
      body: presented,
      answer: tokens,
      errors: ['authentication_required'],
      handle: async ({ body: { token }, ip, userAgent }) =>
        toJson(await renewDirectly(parts, { token, method: 'POST', ip, userAgent })),
    }),
    apiRoute({
      name: 'signOut',
      transaction: 'own',
      method: 'POST',
      path: '/v1/auth/sign-out',
      summary: 'End the presented token',
      description: 'And every other token of its grant, at once. An API key is revoked instead, by its owner.',
      tags,
      errors: ['permission_denied'],
      handle: ({ caller }) => signOutDirectly(parts, caller.reference),
    }),
  ]
}

const renewal =
  'Takes the access token in use or its refresh token, and gives the next pair for the same organization. The refresh ' +
  'token is spent; the access token lives to its own end. The same token again within 10 seconds gets the same answer; ' +
  'any later use of a spent refresh token ends the whole grant.'

const organizationName = displayName.describe('Slug or id')

/** Two spellings of two fields: either will do, and both if they say the same. */
const credentials = z
  .strictObject({
    email: emailAddress.optional(),
    emailId: emailAddress.optional().describe('The same as `email`'),
    password: z.string().meta({ format: 'password', maxLength: passwordLength.max }),
    organization: organizationName.optional(),
    org: organizationName.optional().describe('The same as `organization`'),
  })
  .transform(({ email, emailId, password, organization, org }, context) => {
    const refuse = (path: string, message: string) =>
      context.issues.push({ code: 'custom', path: [path], message, input: undefined })
    const address = email ?? emailId
    if (address === undefined) refuse('email', 'is missing')
    if (email && emailId && emailKey(email) !== emailKey(emailId)) refuse('emailId', 'is not the same as email')
    if (organization && org && organization !== org) refuse('org', 'is not the same as organization')
    return { email: address ?? '', password, organization: organization ?? org }
  })
  .meta({
    description: 'One of `email` and `emailId` is needed. Whoever belongs to several organizations names one.',
    ...atLeastOneOf('email', 'emailId'),
    examples: [{ email: 'ada@acme.test', password: 'correct horse battery staple', organization: 'acme' }],
  })

const presented = z.strictObject({ token: z.string().min(1).max(4096) })

const tokens = z
  .object({
    Authorization: z.string().describe('The access token, ready to be sent as this header'),
    access_token: z.string(),
    token_type: z.literal('Bearer'),
    expires_in: z.int().describe('Seconds'),
    refresh_token: z.string(),
    organization: organizationSummary,
  })
  .meta({ id: 'Tokens' })

function toJson({ accessToken, refreshToken, expiresInSeconds, organization }: DirectAuthentication) {
  return {
    Authorization: accessToken,
    access_token: accessToken,
    token_type: 'Bearer' as const,
    expires_in: expiresInSeconds,
    refresh_token: refreshToken,
    organization,
  }
}
