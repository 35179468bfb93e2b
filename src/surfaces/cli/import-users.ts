import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { z } from 'zod'
import type { FirebaseParameters } from '#authentication/passwords/imported-hash.ts'
import type { BadRow } from '#authentication/transfer/import-row.ts'
import { type ImportCounts, importUsers as runImport } from '#authentication/transfer/import-users.ts'
import { ConfigError } from '#foundation/config/config.ts'
import { command, flag, operand, option } from './command.ts'
import { startProgress } from './progress.ts'
import { readRows } from './read-rows.ts'
import type { Terminal } from './terminal.ts'
import { lookAtDatabase, withDatabase } from './with-database.ts'

const base64 = z.string().regex(/^[A-Za-z0-9+/_-]+=*$/, 'must be base64')

export const importUsers = command({
  name: 'import users',
  summary: 'make people, memberships and places in teams of a CSV or NDJSON file',
  about: [
    'Columns, in any order: email, name, password_hash, organization, teams (names with ; between them), admin, active.',
    'Only email must be there. One row is one membership: who has several comes in several rows. Hashes of argon2, bcrypt,',
    'PBKDF2, scrypt and Firebase are taken (docs/import.md); each gives way to an argon2id hash at the next sign-in.',
    '',
    'What is there already stays as it is, so an import that was cut off is simply started again. Rows with a mistake are',
    'listed with their line and left out, and the exit status is 1. For Firebase’s hashes the base64_signer_key of the',
    'project stands in the environment, as FIREBASE_SIGNER_KEY.',
  ].join('\n'),
  takes: {
    file: operand('file', 'CSV or NDJSON; - for stdin'),
    dryRun: flag('say what would be made and what is wrong, and change nothing'),
    createTeams: flag('make the teams that an organization lacks, without grants'),
    firebaseSaltSeparator: option('base64', 'base64_salt_separator of the Firebase project', base64.default('Bw==')),
    firebaseRounds: option(
      'number',
      'rounds of the Firebase project',
      z.coerce.number().int().min(1).max(64).default(8),
    ),
    firebaseMemCost: option(
      'number',
      'mem_cost of the Firebase project',
      z.coerce.number().int().min(1).max(17).default(14),
    ),
  },
  examples: [
    'import users people.csv --dry-run',
    'import users people.csv --create-teams',
    'import users -  # behind jq -c … export.json |',
  ],
  async run({ file, dryRun, createTeams, ...firebaseOptions }, terminal) {
    const firebase = firebaseOf(firebaseOptions, terminal.environment)
    const badRows: BadRow[] = []
    const bytes = file === '-' ? undefined : (await stat(file)).size
    const input = file === '-' ? terminal.stdin : createReadStream(file)
    let read = 0
    const counted = Readable.from(countBytes(input, (length) => (read += length)))
    const progress = startProgress(terminal, bytes)
    const open = dryRun ? lookAtDatabase : withDatabase
    try {
      const counts = await open(terminal.environment, (db) =>
        runImport(db, readRows(counted), {
          actor: { system: 'command_line' },
          firebase,
          createTeams,
          dryRun,
          onProgress: ({ rows }) => progress.show(read, `${rows.toLocaleString('en')} rows`),
          onBadRow: (row) => {
            badRows.push(row)
            if (!terminal.json) progress.tell(`${file === '-' ? 'stdin' : file}:${row.line}: ${row.reason}`)
          },
        }),
      )
      return { ...answerOf(counts, { dryRun, badRows }), refused: counts.bad > 0 }
    } finally {
      progress.end()
      counted.destroy()
    }
  },
})

function answerOf(counts: ImportCounts, { dryRun, badRows }: { dryRun: boolean; badRows: readonly BadRow[] }) {
  const { rows, users, memberships, teams, skipped, bad } = counts
  const made = [count(users, 'user'), count(memberships, 'membership'), ...(teams > 0 ? [count(teams, 'team')] : [])]
  const line = `${count(rows, 'row')}: ${made.join(', ')} ${dryRun ? 'would be made' : 'made'}; ${skipped} were there already; ${bad} left out`
  return { lines: [line], json: { dry_run: dryRun, rows, users, memberships, teams, skipped, bad_rows: badRows } }
}

function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`
}

/** @throws ConfigError where the key can't be one */
function firebaseOf(
  options: { firebaseSaltSeparator: string; firebaseRounds: number; firebaseMemCost: number },
  environment: Terminal['environment'],
): FirebaseParameters | undefined {
  const { FIREBASE_SIGNER_KEY: signerKey } = environment
  if (!signerKey) return undefined
  if (!base64.safeParse(signerKey).success) throw new ConfigError('FIREBASE_SIGNER_KEY: must be base64')
  const { firebaseSaltSeparator: saltSeparator, firebaseRounds: rounds, firebaseMemCost: memCost } = options
  return { signerKey, saltSeparator, rounds, memCost }
}

async function* countBytes(input: Readable, add: (length: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of input) {
    const bytes = Buffer.from(chunk as Buffer)
    add(bytes.length)
    yield bytes
  }
}
