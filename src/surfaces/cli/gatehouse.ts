#!/usr/bin/env node
import { Command } from 'commander'
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

const program = new Command('gatehouse').description('Administers a Gatehouse authorization server.').addHelpText(
  'after',
  `
The database is the server's own: DATABASE_URL, else the embedded one in DATA_DIR (./data), which a running server
holds for itself; then change the file and restart the server instead.

Exit status: 0 done, 1 refused (every reason is one line on stderr), 2 the environment cannot be used.`,
)

program
  .command('apply')
  .description('make the database as a setup file says: all of it or, when anything is wrong, nothing')
  .requiredOption('-f, --file <file>', 'the YAML file that GATEHOUSE_CONFIG would name')
  .action(({ file }: { file: string }) => applyFile(file, process.env))

program
  .command('plan')
  .description('print what apply would change, and change nothing')
  .requiredOption('-f, --file <file>', 'the YAML file that GATEHOUSE_CONFIG would name')
  .action(({ file }: { file: string }) => planFile(file, process.env))

program
  .command('keys')
  .description('signing keys')
  .command('rotate')
  .description('sign with the next keys; those before them verify until what they signed has expired')
  .action(() => rotateKeys(process.env))

program
  .command('scan-keys')
  .description('find API keys in files, by form and checksum; needs no database')
  .argument('<path...>', 'files or folders; - for standard input')
  .action((paths: string[]) => scanKeys(paths))

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = explain(error)
}

/** Says on stderr why it was refused; a bug keeps its stack. @returns the exit status */
function explain(failure: unknown): number {
  const error = failure instanceof StoreAwayError ? failure.cause : failure
  const environment = error instanceof ConfigError || error instanceof UnknownKeyError
  if (environment || error instanceof SetupError || error instanceof DataDirInUseError) {
    console.error(error.message)
  } else if (error instanceof NotMigratedError) {
    console.error(error.message)
  } else if (isFromFile(error)) {
    console.error(error.message)
  } else if (isFromDatabase(error)) {
    console.error(`the database: ${error.message || error.code}`)
  } else {
    console.error(error)
  }
  return environment ? 2 : 1
}

/** A file that is not there or may not be read. */
function isFromFile(error: unknown): error is Error {
  return error instanceof Error && 'path' in error && 'syscall' in error
}

/** Unreachable, or it said no: both come with a code (`ECONNREFUSED`, `28P01`). */
function isFromDatabase(error: unknown): error is Error & { code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
}
