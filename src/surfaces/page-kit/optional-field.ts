import { z } from 'zod'

/** A field of a filter that was left empty asks for nothing. */
export const optionalField = (schema: z.ZodType<string, string>) =>
  z
    .string()
    .trim()
    .transform((value) => value || undefined)
    .pipe(schema.optional())
    .optional()

/** What was asked for in a filter, as its form shows it again. */
export function textsOf(filter: z.ZodObject, query: Record<string, unknown>): Record<string, string> {
  const texts = Object.entries(query).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return Object.fromEntries(texts.filter(([name]) => name in filter.shape).map(([name, value]) => [name, value.trim()]))
}
