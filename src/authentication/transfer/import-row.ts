import { z } from 'zod'
import type { FirebaseParameters } from '#authentication/passwords/imported-hash.ts'
import { importHash } from '#authentication/passwords/imported-hash.ts'
import { didYouMean } from '#foundation/values/did-you-mean.ts'
import { emailAddress } from '#foundation/values/email-address.ts'
import { displayName, organizationSlug } from '#foundation/values/names.ts'

/** A row as the file has it: where it stands, and its columns; or why it could not be read. */
export type FileRow = { line: number } & ({ columns: Record<string, unknown> } | { problem: string })

/** A row in order. What its organization and teams are called is looked up later. */
export interface ImportRow {
  line: number
  email: string
  name: string
  /** In a form in which hashes are kept; null: none, so that a password is set by mail. */
  passwordHash: string | null
  organization: string | undefined
  teams: string[]
  admin: boolean
  active: boolean
}

/** A row that is left out, and why; it holds nothing of the row's hash. */
export interface BadRow {
  line: number
  reason: string
}

const empty = z.literal('').transform(() => undefined)
const yesOrNo = z
  .union([z.boolean(), z.stringbool({ truthy: ['true', 'yes', '1'], falsy: ['false', 'no', '0'] }), empty], {
    error: 'must be true or false',
  })
  .nullish()

/** `readers;writers`, or a list in JSON. */
const teams = z
  .union([z.array(z.string()), z.string().transform((text) => text.split(';'))], { error: 'must be names of teams' })
  .transform((names) => names.map((name) => name.trim()).filter(Boolean))
  .pipe(z.array(displayName).max(100, 'must be at most 100'))
  .nullish()

/** Keycloak's is an object in JSON. */
const written = z.union([z.string(), z.record(z.string(), z.unknown()).transform((object) => JSON.stringify(object))])

const row = z
  .strictObject({
    email: emailAddress,
    name: z.union([empty, displayName]).nullish(),
    password_hash: z.union([empty, written]).nullish(),
    organization: z.union([empty, organizationSlug]).nullish(),
    teams,
    admin: yesOrNo,
    active: yesOrNo,
  })
  .refine((one) => one.organization || !one.teams?.length, { path: ['teams'], error: 'need an organization' })
  .refine((one) => one.organization || !one.admin, { path: ['admin'], error: 'needs an organization' })

/** What a file may have, in any order; only `email` must be there. */
export const importColumns: readonly string[] = Object.keys(row.shape)

/** What is wrong with the columns of a file. @returns undefined: nothing */
export function columnProblem(columns: readonly string[]): string | undefined {
  const strange = columns.find((name) => !importColumns.includes(name))
  if (strange !== undefined) return unknownColumn(strange)
  if (!columns.includes('email')) return 'there is no column email'
  return new Set(columns).size < columns.length ? 'a column is there twice' : undefined
}

/** @param options.firebase for rows with Firebase's hashes */
export function checkRow(
  file: FileRow,
  options: { firebase?: FirebaseParameters | undefined },
): { row: ImportRow } | { bad: BadRow } {
  const { line } = file
  const bad = (reason: string) => ({ bad: { line, reason } })
  if ('problem' in file) return bad(file.problem)
  const parsed = row.safeParse(file.columns, { error: plainMessage })
  if (!parsed.success) return bad(parsed.error.issues.map(describe).join('; '))
  const { email, name, password_hash, organization, teams, admin, active } = parsed.data
  const hash = password_hash ? importHash(password_hash, options) : { passwordHash: null }
  if ('problem' in hash) return bad(`password_hash: ${hash.problem}`)
  return {
    row: {
      line,
      email,
      name: name ?? email,
      ...hash,
      organization: organization ?? undefined,
      teams: teams ?? [],
      admin: admin ?? false,
      active: active ?? true,
    },
  }
}

function plainMessage(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'unrecognized_keys') return issue.keys.map(unknownColumn).join('; ')
  if (issue.code === 'invalid_type') return issue.input === undefined ? 'is required' : `must be ${issue.expected}`
  return undefined
}

/** Of a choice the last one tells: the others are of what is left empty. */
function describe(issue: z.core.$ZodIssue): string {
  const [told] = issue.code === 'invalid_union' ? (issue.errors.at(-1) ?? []) : []
  const message = told && issue.message === 'Invalid input' ? told.message : issue.message
  return issue.path.length > 0 ? `${issue.path[0]?.toString()}: ${message}` : message
}

function unknownColumn(name: string): string {
  return `${JSON.stringify(name.slice(0, 40))} is no column that is known${didYouMean(name, importColumns)}`
}
