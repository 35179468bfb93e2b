import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Gatehouse, password, startGatehouse } from '#support/gatehouse.ts'
import { findProgram } from '#support/temporary-server.ts'

const root = new URL('../../', import.meta.url)
const page = readFileSync(new URL('docs/administration.md', root), 'utf8')

const missing = ['bash', 'curl', 'jq'].filter((program) => !findProgram(program))
if (missing.length > 0) {
  console.warn(`NOT TESTED: the commands of docs/administration.md, because ${missing.join(', ')} is not installed`)
}

describe('docs/administration.md', () => {
  test('links each of its tasks to a section, and has no section beside them', () => {
    const slug = (heading: string) =>
      heading
        .toLowerCase()
        .replace(/[^\w -]/g, '')
        .replaceAll(' ', '-')
    const sections = [...page.matchAll(/^## (\d+\. .+)$/gm)].map(
      ([, heading = '']) => `[${heading}](#${slug(heading)})`,
    )
    const linked = [...page.matchAll(/^\| (\[\d+\. [^|]*?) +\|/gm)].map(([, link]) => link)
    expect(linked).toEqual(sections)
  })

  describe.skipIf(missing.length > 0)('its commands', () => {
    let gatehouse: Gatehouse
    let folder: string
    beforeAll(async () => {
      gatehouse = await startGatehouse({ setup: demoSetup() })
      folder = mkdtempSync(join(tmpdir(), 'gatehouse-administration-'))
    })
    afterAll(async () => {
      await gatehouse?.stop()
      rmSync(folder, { recursive: true, force: true })
    })

    test('work as they stand, in their order, against the demo', async () => {
      writeFileSync(join(folder, 'page.sh'), `${prelude}\n${blocksOf(page).join('\n')}`)
      const { PATH, HOME } = process.env
      const child = spawn('bash', ['page.sh'], {
        cwd: folder,
        env: { PATH, HOME, ISSUER: gatehouse.url, ADMIN_PASSWORD: password, ROOT_PASSWORD: password },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let output = ''
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
      const [status] = await once(child, 'close')
      const failed = readFileSync(join(folder, 'failed'), 'utf8')
      expect({ failed, status }, output.slice(-2_000)).toEqual({ failed: '', status: 0 })
    })
  })
})

/** Each request has to be answered 2xx; one in a pipe or a condition, too, where the shell would forget its status. */
const prelude = `set -euo pipefail
: > failed
curl() {
  command curl --fail-with-body "$@" 2>>failed && return
  { echo "line $BASH_LINENO: curl $*"; } >>failed
  return 1
}`

/** What stands between \`\`\`sh and \`\`\`, in lists too. */
function blocksOf(markdown: string): string[] {
  return [...markdown.matchAll(/^( *)```sh\n([\s\S]*?)^\1```$/gm)].map(([, indent = '', block = '']) =>
    block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  )
}

/** The demo that `npm start` shows, with passwords that are known here. */
function demoSetup(): string {
  return readFileSync(new URL('src/surfaces/setup/demo.yaml', root), 'utf8')
    .replaceAll('{ISSUER}', 'http://localhost:3000')
    .replaceAll(/password_env: \w+/g, `password: "${password}"`)
    .replaceAll(/client_secret_env: (\w+)/g, 'client_secret: $1-0123456789')
}
