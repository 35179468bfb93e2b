import type { z } from 'zod'
import { UsageError } from './usage-error.ts'

/** The input of a use case, made of options that are called like its fields. @throws UsageError naming each at fault */
export function asTyped<T>(schema: z.ZodType<T>, input: Record<string, unknown>): T {
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  const wrong = parsed.error.issues.map(({ path, message }) => {
    const [field] = path
    return field === undefined ? message : `--${String(field).replaceAll('_', '-')}: ${message}`
  })
  throw new UsageError(wrong.join('\n'))
}
