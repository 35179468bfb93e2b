import { z } from 'zod'

/** A query parameter that is `true` or `false`, which come in as text. */
export const yesOrNo = z
  .enum(['true', 'false'], { error: 'must be true or false' })
  .transform((text) => text === 'true')
