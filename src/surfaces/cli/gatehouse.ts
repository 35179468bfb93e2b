#!/usr/bin/env node
import { parseArgs } from 'node:util'
import { SetupError } from '#authentication/setup/setup-error.ts'
import { ConfigError } from '#foundation/config/config.ts'
import { UnknownKeyError } from '#foundation/crypto/encryption.ts'
import { DataDirInUseError } from '#foundation/database/pglite-pool.ts'
import { StoreAwayError } from '#foundation/errors.ts'
import { applyFile } from './apply.ts'
import { rotateKeys } from './keys-rotate.ts'
import { planFile } from './plan.ts'
import { scanKeys } from './scan-keys.ts'
import { NotMigratedError } from './with-database.ts'

const help = `Usage: gatehouse COMMAND

Administers a Gatehouse authorization server.

Commands:
  apply -f FILE      make the database as a setup file says: all of it or, when anything is wrong, nothing
  plan -f FILE       print what apply would change, and change nothing
  keys rotate        sign with the next keys; those before them verify until what they signed has expired
  scan-keys PATH...  find API keys in files and folders, by form and checksum; needs no database

Options:
  -f, --file FILE    the YAML file that GATEHOUSE_CONFIG would name
  -h, --help         this text

Examples:
  gatehouse plan -f gatehouse.yaml
  gatehouse apply -f gatehouse.yaml
  git log -p | gatehouse scan-keys -

The database is the server's own: DATABASE_URL, else the embedded one in DATA_DIR (./data), which a running server
holds for itself; then change the file and restart the server instead.

Exit status: 0 done, 1 refused (every reason is one line on stderr), 2 wrong usage or an environment that cannot be used.`

/** What was typed is no command. */
class UsageError extends Error {}

try {
  await run(process.argv.slice(2), process.env)
} catch (error) {
  process.exitCode = explain(error)
}

async function run(args: string[], environment: NodeJS.ProcessEnv): Promise<void> {
  const { values, positionals } = parse(args)
  const { file } = values
  const [command, ...operands] = positionals
  if (values.help) console.log(help)
  else if (command === 'scan-keys' && operands.length > 0 && file === undefined) await scanKeys(operands)
  else if (positionals.join(' ') === 'keys rotate' && file === undefined) await rotateKeys(environment)
  else if (positionals.join(' ') === 'apply' && file) await applyFile(file, environment)
  else if (positionals.join(' ') === 'plan' && file) await planFile(file, environment)
  else throw new UsageError(`${['gatehouse', ...args].join(' ')}: is not how it is used`)
}

/** @throws UsageError for an option that there is not, or one without its value */
function parse(args: string[]) {
  const options = { file: { type: 'string', short: 'f' }, help: { type: 'boolean', short: 'h' } } as const
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** Says on stderr why it was refused; a bug keeps its stack. @returns the exit status */
function explain(failure: unknown): number {
  const error = failure instanceof StoreAwayError ? failure.cause : failure
  if (error instanceof UsageError) {
    console.error(`${error.message}\n\n${help}`)
    return 2
  }
  if (error instanceof ConfigError || error instanceof UnknownKeyError) {
    console.error(error.message)
    return 2
  }
  if (isRefusal(error)) console.error(error.message)
  else if (isFromDatabase(error)) console.error(`the database: ${error.message || error.code}`)
  else console.error(error)
  return 1
}

function isRefusal(error: unknown): error is Error {
  const refusals = [SetupError, DataDirInUseError, NotMigratedError]
  return refusals.some((refusal) => error instanceof refusal) || isFromFile(error)
}

/** A file that is not there or may not be read. */
function isFromFile(error: unknown): error is Error {
  return error instanceof Error && 'path' in error && 'syscall' in error
}

/** Unreachable, or it said no: both come with a code (`ECONNREFUSED`, `28P01`). */
function isFromDatabase(error: unknown): error is Error & { code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
}
