import { z } from 'zod'
import {
  type ApiKeyEdit,
  apiKeyEdit,
  type ExpiryInput,
  expiryOf,
  latestExpiry,
  type NewApiKeyInput,
  newApiKeyInput,
  offeredDays,
} from '#authentication/api-keys/api-key-input.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { parse } from '#foundation/http/parse.ts'
import { statusOfCode } from '#foundation/http/problem-details.ts'
import type { Form } from '#foundation/http/read-form.ts'
import { message, type Text } from '#foundation/messages/message.ts'
import { sentence } from '#foundation/messages/sentence.ts'
import type { DataScope } from '#foundation/values/data-scope.ts'
import { type FormProblems, fieldErrors } from '#surfaces/page-kit/form-problems.ts'

/*
 * The forms of the key pages, said as the API's input and checked by its schemas. No field of a form is given twice, so a
 * checkbox has its value in its name: `may:reports:read`, `sees:["kubernetes",null]`.
 */

const mayPrefix = 'may:'
const seesPrefix = 'sees:'

/** The name of a permission's checkbox. */
export function mayField(permission: string): string {
  return mayPrefix + permission
}

/** The name of a data scope's checkbox. */
export function seesField({ source, scope_id }: DataScope): string {
  return seesPrefix + JSON.stringify([source, scope_id])
}

/** Another value is a slip or an attack, and never means that the key is not narrowed. */
const narrowing = z.enum(['all', 'only'], { error: 'Choose one of the two.' }).default('all')
const narrowingChoice = z.object({ may: narrowing, sees: narrowing })

/** A key that could do nothing is a slip here; who wants one uses the API. */
const newKeyForm = newApiKeyInput.superRefine(({ permissions, data_scopes }, context) => {
  for (const [path, chosen] of Object.entries({ permissions, data_scopes })) {
    if (chosen?.length === 0) context.addIssue({ code: 'custom', path: [path], message: 'Choose at least one.' })
  }
})

/** @throws GatehouseError validation_failed */
export function readNewKey(form: Form): NewApiKeyInput {
  const { may, sees } = parse(narrowingChoice, form)
  return parse(newKeyForm, {
    name: form.name ?? '',
    description: form.description ?? '',
    format: form.format ?? 'opaque',
    administration: form.administration === 'yes',
    permissions: may === 'only' ? ticked(form, mayPrefix) : undefined,
    data_scopes: sees === 'only' ? ticked(form, seesPrefix).map(dataScopeOf) : undefined,
    ...expiryIn(form),
  })
}

/** @throws GatehouseError validation_failed */
export function readKeyEdit(form: Form): ApiKeyEdit {
  return parse(apiKeyEdit, { name: form.name ?? '', description: form.description ?? '', ...expiryIn(form) })
}

/** What is offered to choose an expiry from. @param createdAt of the key, or now for one that is to be made */
export function expiryChoices(createdAt: Date, now = new Date()) {
  const periods = offeredDays.flatMap((days) => {
    const expiry = expiryOf({ expires_in_days: days }, { now, createdAt })
    return expiry.outcome === 'set' ? [{ days, on: expiry.expiresAt }] : []
  })
  return { periods, firstDate: dateOf(now), lastDate: dateOf(latestExpiry(createdAt)) }
}

function dateOf(at: Date): string {
  return at.toISOString().slice(0, 10)
}

/** What a form about keys says of a key, without what belongs to the request itself. */
export function keyFieldsOf(form: Form): [name: string, value: string][] {
  const known = /^(name|description|user|expires|date|format|administration|may|sees|(may|sees):.*)$/s
  return Object.entries(form).flatMap(([name, value]) =>
    value !== undefined && known.test(name) ? [[name, value]] : [],
  )
}

/**
 * Does something that may refuse what a form says of a key.
 * @returns what it found wrong, by the form's own fields; under `form` what is wrong with none of them
 */
export async function keyFormProblems(form: Form, work: () => Promise<void>): Promise<FormProblems | undefined> {
  try {
    const problems = await fieldErrors(work)
    return problems && { ...problems, errors: byFormField(form, problems.errors) }
  } catch (error) {
    if (!(error instanceof GatehouseError) || !(error.code === 'conflict' || error.code === 'limit_reached'))
      throw error
    return { status: statusOfCode[error.code], errors: { form: sentence(error.message) } }
  }
}

const formFields: Record<string, string> = {
  expires_at: 'expires',
  expires_in_days: 'expires',
  permissions: 'may',
  data_scopes: 'sees',
}

function byFormField(form: Form, errors: Record<string, Text>): Record<string, Text> {
  return Object.fromEntries(
    Object.entries(errors).map(([path, message]) => {
      const [name = ''] = path.split('.')
      const field = formFields[name] ?? name
      return [field, field === 'expires' ? expiryError(form, message) : message]
    }),
  )
}

function expiryError(form: Form, said: Text): Text {
  const { expires_at, expires_in_days } = expiryIn(form)
  if (expires_at === undefined && expires_in_days === undefined) return message('api-keys.form.choose_expiry')
  if (expires_at === '') return message('api-keys.form.choose_date')
  const isDay = expires_at === undefined || z.iso.date().safeParse(expires_at).success
  return isDay ? said : message('api-keys.form.choose_date_as')
}

/** A date that was filled in without its radio button counts as chosen. */
function expiryIn(form: Form): ExpiryInput {
  const choice = form.expires ?? (form.date ? 'date' : 'none')
  if (choice === 'date') return { expires_at: form.date ?? '' }
  return /^\d+$/.test(choice) ? { expires_in_days: Number(choice) } : {}
}

function ticked(form: Form, prefix: string): string[] {
  return Object.keys(form)
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
}

/** What is no data scope is left to the schema to refuse. */
function dataScopeOf(text: string): unknown {
  try {
    const [source, scope_id] = JSON.parse(text)
    return { source, scope_id }
  } catch {
    return text
  }
}
