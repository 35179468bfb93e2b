import { SetupError } from '#authentication/setup/setup-error.ts'
import { ConfigError } from '#foundation/config/config.ts'
import { UnknownKeyError } from '#foundation/crypto/encryption.ts'
import { DataDirInUseError } from '#foundation/database/pglite-pool.ts'
import { GatehouseError, StoreAwayError } from '#foundation/errors.ts'
import { problemDetails } from '#foundation/http/problem-details.ts'
import { UsageError } from './usage-error.ts'
import { NotMigratedError } from './with-database.ts'

/** Why a command did nothing: the exit status, words for people, and the same for programs. */
export interface Explanation {
  /** 1 refused, 2 wrong usage or an environment that cannot be used. */
  status: 1 | 2
  text: string
  /** As the API's errors are (RFC 9457), with a stable `code`. */
  problem: object
}

/** @param failure whatever was thrown; a bug keeps its stack */
export function explain(failure: unknown): Explanation {
  const error = failure instanceof StoreAwayError ? failure.cause : failure
  if (error instanceof UsageError) return usageOf(error)
  if (error instanceof ConfigError || error instanceof UnknownKeyError) {
    return explanation(2, 'wrong_configuration', 'Wrong configuration', error.message)
  }
  if (error instanceof GatehouseError) return { status: 1, text: error.message, problem: problemDetails(error) }
  if (error instanceof SetupError) {
    const refused = explanation(1, 'validation_failed', 'Validation failed', error.message)
    return { ...refused, problem: { ...refused.problem, errors: error.problems } }
  }
  if (error instanceof DataDirInUseError) return explanation(1, 'conflict', 'Conflict', error.message)
  if (error instanceof NotMigratedError) return explanation(1, 'not_migrated', 'Not migrated', error.message)
  if (isFromFile(error)) return explanation(1, 'file_unreadable', 'File unreadable', error.message)
  if (isFromDatabase(error)) {
    const detail = `the database: ${error.message || error.code}`
    return explanation(1, 'database_unavailable', 'Database unavailable', detail)
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return explanation(1, 'internal_error', 'Internal error', stack)
}

function usageOf({ message, usage }: UsageError): Explanation {
  const wrong = explanation(2, 'wrong_usage', 'Wrong usage', message)
  return usage === undefined ? wrong : { ...wrong, text: `${message}\n\nUsage: ${usage}\nMore: add --help` }
}

function explanation(status: 1 | 2, code: string, title: string, detail: string): Explanation {
  return { status, text: detail, problem: { type: 'about:blank', title, detail, code } }
}

/** A file that is not there or may not be read. */
function isFromFile(error: unknown): error is Error {
  return error instanceof Error && 'path' in error && 'syscall' in error
}

/** Unreachable, or it said no: both come with a code (`ECONNREFUSED`, `28P01`). */
function isFromDatabase(error: unknown): error is Error & { code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
}
