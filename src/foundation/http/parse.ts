import type { z } from 'zod'
import { type FieldProblem, GatehouseError } from '#foundation/errors.ts'

/** The value that a schema makes of some input. @throws GatehouseError validation_failed naming every field at fault */
export function parse<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  const fields = parsed.error.issues.flatMap(problemsOf)
  const named = fields.map((field) => `${field.path}: ${field.message}`).join('; ')
  throw new GatehouseError('validation_failed', `Some fields are not valid. ${named}`, { fields })
}

/** zod tells of unknown fields at the object that has them: here each is named itself. */
function problemsOf(issue: z.core.$ZodIssue): FieldProblem[] {
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys : undefined
  if (!unknown) return [{ path: issue.path.join('.'), message: issue.message }]
  return unknown.map((key) => ({ path: [...issue.path, key].join('.'), message: 'is not known here' }))
}
