import { z } from 'zod'
import { dataScope, grantedPermission } from '#directory/access/grants.ts'
import { atMostOneOf, exactlyOneOf } from '#foundation/http/field-rules.ts'
import { translatorOf } from '#foundation/messages/translator.ts'
import { displayName, plainText } from '#foundation/values/names.ts'

const dayMs = 24 * 60 * 60 * 1000
const longestDays = 366

/** What the page offers besides a date. */
export const offeredDays = [7, 30, 60, 90] as const

export const apiKeyName = displayName.transform((name) => name.normalize('NFC'))

const description = plainText(500)

const day = z.iso.date().meta({ description: 'The end of that day, UTC' })
const moment = z.iso.datetime({ offset: true }).max(40)
const expiresAt = z.union([moment, day], { error: 'must be a time such as 2027-01-31T12:00:00Z, or a date' })
const expiresInDays = z
  .number({ error: 'must be a whole number of days' })
  .int('must be a whole number of days')
  .min(1, 'must be at least 1')
  .max(longestDays, `must be at most ${longestDays}`)

/** An expiry as it was asked for, by exactly one of two fields. */
export interface ExpiryInput {
  expires_at?: string | undefined
  expires_in_days?: number | undefined
}

function oneExpiry({ expires_at, expires_in_days }: ExpiryInput, context: z.RefinementCtx, required: boolean): void {
  if (expires_at !== undefined && expires_in_days !== undefined) {
    const message = 'expires_at and expires_in_days exclude each other'
    context.addIssue({ code: 'custom', path: ['expires_in_days'], message })
  }
  if (required && expires_at === undefined && expires_in_days === undefined) {
    const message = 'an expiration is required: expires_at or expires_in_days'
    context.addIssue({ code: 'custom', path: ['expires_at'], message })
  }
}

const most = 100

/** The body of `POST /v1/api-keys`, and what the page's form is made into. */
export const newApiKeyInput = z
  .strictObject({
    name: apiKeyName,
    description: description.default(''),
    expires_at: expiresAt.optional(),
    expires_in_days: expiresInDays.optional(),
    format: z.enum(['opaque', 'jwt'], { error: 'must be opaque or jwt' }).default('opaque'),
    permissions: z
      .array(grantedPermission)
      .max(most, `must be at most ${most}`)
      .optional()
      .describe('At most these; absent: whatever the owner may do'),
    data_scopes: z
      .array(dataScope)
      .max(most, `must be at most ${most}`)
      .optional()
      .describe('At most these; absent: whatever the owner sees'),
    administration: z
      .boolean()
      .default(false)
      .describe('Whether the key changes anything through this API; only a key of an administrator may'),
    user: z.string().min(1).max(254).optional().describe('Id or e-mail of a member; for administrators'),
  })
  .superRefine((input, context) => oneExpiry(input, context, true))
  .meta({
    description: 'Exactly one of `expires_at` and `expires_in_days` is needed.',
    ...exactlyOneOf('expires_at', 'expires_in_days'),
    examples: [{ name: 'nightly export', expires_in_days: 90, permissions: ['configuration-items:read'] }],
  })

export type NewApiKeyInput = z.infer<typeof newApiKeyInput>

/** The body of `PATCH /v1/api-keys/{id}`: only what is given is changed. */
export const apiKeyEdit = z
  .strictObject({
    name: apiKeyName.optional(),
    description: description.optional(),
    expires_at: expiresAt.optional(),
    expires_in_days: expiresInDays.optional(),
  })
  .superRefine((input, context) => oneExpiry(input, context, false))
  .meta({
    description: 'What is left out stays. `expires_at` and `expires_in_days` exclude each other.',
    ...atMostOneOf('expires_at', 'expires_in_days'),
    examples: [{ name: 'nightly export', expires_in_days: 90 }],
  })

export type ApiKeyEdit = z.infer<typeof apiKeyEdit>

export type ExpiryOutcome = { outcome: 'set'; expiresAt: Date } | { outcome: 'refused'; path: string; message: string }

/**
 * The moment that an input means: in the future, and at most 366 days after the key was made. A date means the end of
 * that day; where that is a few hours too late, the latest moment allowed.
 */
export function expiryOf(
  { expires_at, expires_in_days }: ExpiryInput,
  { now, createdAt }: { now: Date; createdAt: Date },
): ExpiryOutcome {
  const path = expires_at === undefined ? 'expires_in_days' : 'expires_at'
  const latest = latestExpiry(createdAt)
  let at: Date
  if (expires_in_days !== undefined) at = new Date(now.getTime() + expires_in_days * dayMs)
  else if (day.safeParse(expires_at).success) at = endOfDay(String(expires_at), latest)
  else at = new Date(String(expires_at))
  if (at <= now) return { outcome: 'refused', path, message: 'must be in the future' }
  if (at > latest) {
    const message = `must be at most ${longestDays} days after the key was made: ${translatorOf('en').dayOf(latest).text} at the latest`
    return { outcome: 'refused', path, message }
  }
  return { outcome: 'set', expiresAt: at }
}

/** The last moment at which a key that was made then may expire, whatever happens to it meanwhile. */
export function latestExpiry(createdAt: Date): Date {
  return new Date(createdAt.getTime() + longestDays * dayMs)
}

function endOfDay(date: string, latest: Date): Date {
  const end = new Date(Date.parse(`${date}T23:59:59Z`))
  return end > latest && date === latest.toISOString().slice(0, 10) ? latest : end
}
