import { existsSync, globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (file: string) => readFileSync(`${root}/${file}`, 'utf8')

test('every message that docs/troubleshooting.md explains is one that is said', () => {
  const files = globSync(
    ['src/**/*.ts', 'adapters/*.ts', 'views/messages/en/*.json', 'node_modules/oidc-provider/lib/**/*.js'],
    { cwd: root },
  )
  const said = files.map(read).join('\n').replaceAll("\\'", "'")
  const explained = [...read('docs/troubleshooting.md').matchAll(/^### `(.+)`$/gm)].map(([, message = '']) => message)
  expect(explained.length).toBeGreaterThan(10)
  expect(explained.filter((message) => !said.includes(message))).toEqual([])
})

test('every document that another one links to is there', () => {
  const documents = globSync(['*.md', 'docs/**/*.md', 'deploy/*.md', 'examples/**/*.md'], { cwd: root })
  const broken = documents.flatMap((file) =>
    [...read(file).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
      .map(([, target = '']) => new URL(target, `file://${root}${file}`))
      .filter((url) => !existsSync(url))
      .map((url) => `${file}: ${url.pathname}`),
  )
  expect(broken).toEqual([])
})
