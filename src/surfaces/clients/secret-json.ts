import { z } from 'zod'
import { longestOverlapSeconds } from '#directory/clients/rotate-client-secret.ts'
import type { ClientSecret } from '#directory/clients/secret-queries.ts'
import type { ErrorCode } from '#foundation/errors.ts'
import { listOf } from '#foundation/http/list.ts'

const shape = {
  id: z.string(),
  hint: z.string().nullable().describe('Its last four characters, where Gatehouse made it.'),
  created_at: z.iso.datetime(),
  expires_at: z.iso.datetime().nullable().describe('When its overlap ends; null: it works until it is rotated.'),
}

const newClientSecret = z
  .object({ ...shape, client_secret: z.string().describe('Only here, and nowhere else.') })
  .meta({ id: 'NewClientSecret' })

export const listOfSecrets = listOf(z.object(shape).meta({ id: 'ClientSecret' }))

/** They fit on one page. */
export function toSecretList(secrets: readonly ClientSecret[]) {
  return { items: secrets.map(toJson), next_cursor: null }
}

/** What is the same of each route that rotates a secret. */
export const rotation = {
  description:
    'The new one is in this answer and nowhere else. Those before it work for `overlap_seconds` more, none longer than it ' +
    'would have; without, they are dead once this has been answered. At most ten live at a time.',
  secret: true,
  body: z.strictObject({
    overlap_seconds: z
      .int('must be a whole number of seconds')
      .min(0, 'must be at least 0')
      .max(longestOverlapSeconds, `must be at most ${longestOverlapSeconds}`)
      .default(0)
      .meta({ description: 'How long the old ones work on.', examples: [86_400] }),
  }),
  status: 201 as const,
  answer: newClientSecret,
  errors: ['not_found', 'conflict', 'limit_reached'] satisfies ErrorCode[] as ErrorCode[],
}

export function toRotationJson({ plain, secret }: { plain: string; secret: ClientSecret }) {
  return { ...toJson(secret), client_secret: plain }
}

function toJson({ id, hint, createdAt, expiresAt }: ClientSecret) {
  return { id, hint, created_at: createdAt.toISOString(), expires_at: expiresAt?.toISOString() ?? null }
}
