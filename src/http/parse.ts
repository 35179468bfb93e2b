import type { z } from 'zod'
import { GatehouseError } from '../errors.ts'

/** The value that a schema makes of some input. @throws GatehouseError validation_failed naming every field at fault */
export function parse<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  const fields = parsed.error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message }))
  const named = fields.map((field) => `${field.path}: ${field.message}`).join('; ')
  throw new GatehouseError('validation_failed', `Some fields are not valid. ${named}`, { fields })
}
