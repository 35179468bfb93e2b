import { readFile } from 'node:fs/promises'
import type { z } from 'zod'
import { type Setup, setupShape } from '#authentication/setup/setup.ts'
import { type Path, SetupError, type SetupProblem } from '#authentication/setup/setup-error.ts'
import { didYouMean } from '#foundation/values/did-you-mean.ts'
import { repeatedEntries } from './repeated-entries.ts'
import { resolveEnvironment } from './resolve-environment.ts'
import { parseSetupDocument, type SetupDocument } from './setup-document.ts'

/**
 * Reads a setup file. @param environment where its `…_env` names are looked up
 * @throws SetupError when the file cannot be read or its contents are not in order
 */
export async function readSetupFile(path: string, environment: NodeJS.ProcessEnv): Promise<Setup> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new SetupError([{ file: path, line: 1, column: 1, path: '', message: `cannot be read (${error.code})` }])
  })
  return parseSetupFile(text, path, environment)
}

/**
 * Reads the text of a setup file. Every problem is found at once, in three steps: YAML, the form of each entry, then entries that
 * repeat each other and variables that are not set. @param environment where `…_env` names are looked up
 * @throws SetupError naming file, line, column and path of each problem, and no value
 */
export function parseSetupFile(text: string, fileName: string, environment: NodeJS.ProcessEnv = {}): Setup {
  const document = parseSetupDocument(text, fileName)
  const parsed = setupShape.safeParse(document.values, { error: plainMessage })
  if (!parsed.success) throw new SetupError(parsed.error.issues.flatMap((issue) => toProblems(document, issue)))
  const problems = [
    ...repeatedEntries(parsed.data, document),
    ...resolveEnvironment(parsed.data, document, environment),
  ]
  if (problems.length > 0) throw new SetupError(problems)
  return { values: parsed.data, problemAt: document.problemAt }
}

/** Words instead of zod's; none repeats the value, which may be a secret. */
function plainMessage(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is required' : `must be ${kinds[issue.expected] ?? issue.expected}`
    case 'invalid_value':
      return `must be one of ${issue.values.join(', ')}${didYouMean(String(issue.input), issue.values.map(String))}`
    case 'unrecognized_keys':
      return 'is not a known key'
    case 'too_big':
      return `must be at most ${issue.maximum}`
    case 'too_small':
      return `must be at least ${issue.minimum}`
    default:
      return undefined
  }
}

const kinds: Record<string, string> = {
  string: 'text (quote a number, true or null that is meant as text)',
  boolean: 'true or false',
  number: 'a number',
  int: 'a whole number',
  array: 'a list',
  object: 'a mapping of keys to values',
  record: 'a mapping of keys to values',
}

function toProblems(document: SetupDocument, issue: z.core.$ZodIssue): SetupProblem[] {
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeysAt(setupShape, issue.path)
    return issue.keys.map((key) =>
      document.problemAtKey([...issue.path, key], `${issue.message}${didYouMean(key, known)}`),
    )
  }
  return [document.problemAt(issue.path, issue.message)]
}

/** The keys that the mapping at `path` may have. */
function knownKeysAt(shape: unknown, path: Path): string[] {
  const { innerType, element, shape: members } = (shape as z.core.$ZodType)._zod.def as unknown as ShapeParts
  if (innerType) return knownKeysAt(innerType, path)
  const [part, ...rest] = path
  if (part === undefined) return Object.keys(members ?? {})
  const next = element ?? members?.[String(part)]
  return next ? knownKeysAt(next, rest) : []
}

/** Of optional and defaulted shapes, of lists, and of mappings with known keys. */
interface ShapeParts {
  innerType?: z.core.$ZodType
  element?: z.core.$ZodType
  shape?: Record<string, z.core.$ZodType>
}
