import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import * as revocation from '#credentials/revocation/revocation.ts'
import { root } from './sources.ts'

const { endings, ...functions } = revocation
const nameOf = (by: (typeof endings)[number]['by']) => (typeof by === 'string' ? by : `\`${by.name}\``)

test('everything that ends something stands in the table of endings', () => {
  const named = endings.map(({ by }) => by).filter((by) => typeof by === 'function')
  expect(new Set(named)).toEqual(new Set(Object.values(functions)))
})

test('ARCHITECTURE.md shows the table of endings', () => {
  const chapter = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8').split('## What ends what')[1]?.split('\n## ')[0]
  const rows =
    chapter
      ?.split('\n')
      .filter((line) => line.startsWith('|'))
      .slice(2) ?? []
  const cells = rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
  expect(cells).toEqual(endings.map(({ event, ends, by }) => [event, ends, nameOf(by)]))
})
