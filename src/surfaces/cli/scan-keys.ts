import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type FoundApiKey, findApiKeysIn } from '#authentication/api-keys/find-api-keys-in-text.ts'
import { command, operands } from './command.ts'

/** Links are not followed, `.git` is left out. */
export const scanKeys = command({
  name: 'scan-keys',
  summary: 'find API keys in files and folders, by form and checksum; needs no database',
  about:
    'Tells where there is something that looks like a live key of any deployment, with status 1, and prints no key.',
  takes: { paths: operands('path', 'files and folders; - is standard input') },
  examples: ['scan-keys .', 'scan-keys - --json  # behind git log -p |'],
  async run({ paths }, { stdin }) {
    const found: (FoundApiKey & { file: string })[] = []
    for (const path of paths) {
      for await (const file of filesUnder(path)) {
        const text = file === '-' ? stdin : createReadStream(file)
        for await (const key of findApiKeysIn(text)) found.push({ file: shownName(file), ...key })
      }
    }
    const lines = found.map(({ file, line, column, hint }) => `${file}:${line}:${column}: ${hint}`)
    if (found.length === 0) return { lines, json: { keys: found } }
    const note =
      `${found.length === 1 ? '1 key' : `${found.length} keys`} found. End each at once, whoever it belongs to:\n` +
      `  curl ISSUER/v1/api-keys/revoke-leaked -H 'Content-Type: application/json' -d '{"key":"…"}'`
    return { lines, json: { keys: found }, note, refused: true }
  },
})

function shownName(file: string): string {
  return file === '-' ? 'standard input' : file
}

async function* filesUnder(path: string): AsyncGenerator<string> {
  if (path === '-' || !(await stat(path)).isDirectory()) {
    yield path
    return
  }
  const entries = await readdir(path, { withFileTypes: true })
  for (const entry of entries.sort((one, other) => (one.name < other.name ? -1 : 1))) {
    if (entry.isFile()) yield join(path, entry.name)
    else if (entry.isDirectory() && entry.name !== '.git') yield* filesUnder(join(path, entry.name))
  }
}
