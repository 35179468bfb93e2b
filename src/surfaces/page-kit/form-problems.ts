import type { z } from 'zod'
import { GatehouseError } from '#foundation/errors.ts'
import { parse } from '#foundation/http/parse.ts'
import { statusOfCode } from '#foundation/http/problem-details.ts'
import type { Form } from '#foundation/http/read-form.ts'
import type { Text } from '#foundation/messages/message.ts'
import { sentence } from '#foundation/messages/sentence.ts'

/** What is wrong with a form, to be said at its fields. */
export interface FormProblems {
  status: number
  /** A sentence for each field at fault, by name. */
  errors: Record<string, Text>
}

export const noErrors: FormProblems = { status: 200, errors: {} }

/** Checks a form, then does what it asks for. @returns what is wrong with it; undefined when nothing is */
export function formProblems<T>(
  fields: z.ZodType<T>,
  form: Form,
  work: (values: T) => Promise<void>,
): Promise<FormProblems | undefined> {
  return fieldErrors(async () => work(parse(fields, { ...form })))
}

/** Does something that may refuse a field of its input. @returns what it found wrong; undefined when nothing is */
export async function fieldErrors(work: () => Promise<void>): Promise<FormProblems | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    if (!(error instanceof GatehouseError) || error.fields.length === 0) throw error
    const errors = Object.fromEntries(error.fields.map(({ path, message }) => [path, sentence(message)]))
    return { status: 422, errors }
  }
}

/**
 * For `.catch` behind `formProblems`: what is refused as a whole (the name is taken, the mailbox has had its share) is said
 * at the field that it is about.
 */
export function refusedAt(field: string) {
  return (error: unknown): FormProblems => {
    if (!(error instanceof GatehouseError) || !['conflict', 'too_many_requests'].includes(error.code)) throw error
    return { status: statusOfCode[error.code], errors: { [field]: sentence(error.message) } }
  }
}
