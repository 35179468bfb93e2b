import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type FoundApiKey, findApiKeysIn } from '#authentication/api-keys/find-api-keys-in-text.ts'

/**
 * `gatehouse scan-keys PATH…`: tells where in files there is something that looks like a live API key, of any deployment,
 * by form and checksum. It asks no database and prints no key. Links are not followed, `.git` is left out.
 */
export async function scanKeys(paths: readonly string[]): Promise<void> {
  let count = 0
  for (const path of paths) {
    for await (const file of filesUnder(path)) {
      const text = file === '-' ? process.stdin : createReadStream(file)
      for await (const key of findApiKeysIn(text)) {
        console.log(describe(file, key))
        count++
      }
    }
  }
  if (count === 0) return
  console.error(
    `${count === 1 ? '1 key' : `${count} keys`} found. End each at once, whoever it belongs to:\n` +
      `  curl ISSUER/v1/api-keys/revoke-leaked -H 'Content-Type: application/json' -d '{"key":"…"}'`,
  )
  process.exitCode = 1
}

function describe(file: string, { line, column, hint }: FoundApiKey): string {
  return `${file === '-' ? 'standard input' : file}:${line}:${column}: ${hint}`
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
