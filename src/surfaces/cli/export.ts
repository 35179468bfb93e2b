import { once } from 'node:events'
import { parse } from 'yaml'
import { countLeftOut, exportSetup } from '#authentication/setup/export-setup.ts'
import { inSnapshot } from '#foundation/database/database.ts'
import { printSetup } from '#surfaces/setup/print-setup.ts'
import { command, flag } from './command.ts'
import type { Terminal } from './terminal.ts'
import { lookAtDatabase } from './with-database.ts'

export const exportCommand = command({
  name: 'export',
  summary: 'print the running state as a setup file: applied to an empty deployment it makes the same',
  about: [
    'Secrets are no part of it: client_secret_env names a variable for each, which apply looks up. Nor are passwords,',
    'unless their hashes are asked for: without them people set a new one by mail. Accounts whose address was never',
    'verified are left out, because whoever a setup file names counts as verified.',
  ].join('\n'),
  takes: {
    withPasswordHashes: flag('also the hashes of passwords: keep the file as secret as the database'),
  },
  examples: ['export > gatehouse.yaml', 'export --with-password-hashes > gatehouse.yaml', 'export --json'],
  async run({ withPasswordHashes: passwordHashes }, terminal) {
    const secrets: string[] = []
    const onSecret = (name: string) => void secrets.push(name)
    const leftOut = await lookAtDatabase(terminal.environment, (db) =>
      inSnapshot(db, async (tx) => {
        await write(printSetup(exportSetup(tx, { passwordHashes, onSecret })), terminal)
        return countLeftOut(tx)
      }),
    )
    if (!terminal.json) for (const line of notes({ secrets, leftOut })) terminal.stderr.write(`${line}\n`)
    return undefined
  },
})

/** No faster than it is read. */
async function write(pieces: AsyncIterable<string>, { stdout, json }: Terminal): Promise<void> {
  if (json) {
    let text = ''
    for await (const piece of pieces) text += piece
    stdout.write(`${JSON.stringify(parse(text, { maxAliasCount: 0 }) ?? {}, null, 2)}\n`)
    return
  }
  for await (const piece of pieces) if (!stdout.write(piece)) await once(stdout, 'drain')
}

function notes({ secrets, leftOut }: { secrets: readonly string[]; leftOut: number }): string[] {
  return [
    ...(secrets.length > 0 ? [`Set where it is applied: ${secrets.join(', ')}`] : []),
    ...(leftOut > 0 ? [`Left out: ${leftOut} accounts whose address was never verified`] : []),
  ]
}
