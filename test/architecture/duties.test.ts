import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { placeOf, writersOfTables } from './house.ts'
import { isIn, root, type Source, sources } from './sources.ts'

const nameOf = (file: string) => `${placeOf(file).floor}/${placeOf(file).room}`
const at = ({ file, text }: Source, pattern: RegExp) =>
  [...text.matchAll(pattern)].map(([found]) => `${file}: ${found}`)

test('surfaces hold neither SQL nor transactions', () => {
  const query =
    /\b(selectFrom|insertInto|updateTable|deleteFrom|mergeInto)\(|\bsql`|\btransaction\(|\brequestTransaction\.run\(/g
  const surfaces = sources.filter(({ file }) => placeOf(file).floor === 'surfaces')
  const found = surfaces.filter((source) => at(source, query).length > 0).map(({ file }) => file)
  expect(found).toEqual([])
})

test('a table is written by one room', () => {
  const written = sources.flatMap(({ file, text }) => tablesWrittenIn(text).map((table) => ({ file, table })))
  expect(written.length).toBeGreaterThan(60)
  expect(written.filter(({ table }) => !(table in writersOfTables))).toEqual([])
  const strangers = written.filter(({ file, table }) => ![writersOfTables[table]].flat().includes(nameOf(file)))
  const found = [...new Set(strangers.map(({ file, table }) => `${file} writes ${table}`))]
  expect(found).toEqual([])
})

test('advisory locks are named in one file', () => {
  const elsewhere = sources
    .filter(({ file }) => file !== 'src/foundation/database/locks.ts')
    .filter((source) => at(source, /pg_(try_)?advisory\w+/g).length > 0)
    .map(({ file }) => file)
  expect(elsewhere).toEqual([])
})

test('members of the library are replaced in one folder', () => {
  const elsewhere = sources
    .filter(({ file }) => !isIn(file, 'src/protocol/library'))
    .filter((source) => replacedMembersIn(source).length > 0)
    .map(({ file }) => file)
  expect(elsewhere).toEqual([])
})

test('what a request remembers is typed by its owner, not named in ctx.state', () => {
  expect(sources.flatMap((source) => at(source, /\bctx\??\.state\b/g))).toEqual([])
})

test('the environment is read by the two programs', () => {
  const readers = sources.filter(({ text }) => /process\.env\b|\benv\b.*= process\b/.test(text)).map(({ file }) => file)
  expect(readers.sort()).toEqual(['src/gatehouse.ts', 'src/main.ts'])
})

test('a file that speaks to the database asks it for the time, and not this node', () => {
  const allowed: Record<string, string> = {
    'src/credentials/log/uses-by-day.ts': 'a table shows the days until today; each is counted by the database',
    'src/directory/users/actor.ts': 'a sign-in is fresh by the clock of the process that oidc-provider read at sign-in',
    'src/foundation/database/survey-database.ts': 'it measures how far the two clocks are apart',
    'src/surfaces/sign-in/upstream-transactions.ts': 'the node itself wrote when the browser left, into its cookie',
  }
  const speaks = /\b(selectFrom|insertInto|updateTable|deleteFrom|claimOnce)\(|\bsql[`<]/
  const found = sources
    .filter(({ text }) => speaks.test(text) && /\bnew Date\(\)|\bDate\.now\(\)/.test(text))
    .map(({ file }) => file)
  expect(found.sort()).toEqual(Object.keys(allowed).sort())
})

test('migrations are numbered without a gap, each number used once', () => {
  const numbers = readdirSync(join(root, 'src/foundation/database/migrations')).map((name) => name.slice(0, 4))
  expect(numbers.sort()).toEqual(numbers.map((_, index) => String(index + 1).padStart(4, '0')))
})

test('no file is a drawer', () => {
  const drawers = sources.filter(({ file }) => /\/(utils?|helpers?|types|index|common|misc)\.ts$/.test(file))
  expect(drawers.map(({ file }) => file)).toEqual([])
})

describe('comments', () => {
  test('cite only files that exist', () => {
    const known = new Set(sources.flatMap(({ file }) => file.split('/').map((_, n, parts) => parts.slice(n).join('/'))))
    const missing = sources.flatMap(({ file, comments }) =>
      [...comments.matchAll(/[\w./-]+\.(?:ts|md|ejs|sql|css)\b/g)]
        .map(([path]) => path)
        .filter((path) => !known.has(path.replace(/^\.\//, '')) && !existsSync(join(root, path)))
        .filter((path) => !existsSync(join(root, file, '..', path)))
        .map((path) => `${file}: ${path}`),
    )
    expect(missing).toEqual([])
  })

  test('cite no behaviour by a number that the repository does not explain', () => {
    const numbered = sources.flatMap(({ file, comments }) =>
      [...comments.matchAll(/\bS[0-3]-\d\d\b|design(?:\.md)? §/g)].map(([found]) => `${file}: ${found}`),
    )
    expect(numbered).toEqual([])
  })
})

test('ARCHITECTURE.md names every room', () => {
  const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
  const rooms = new Set(sources.map(({ file }) => placeOf(file)).map(({ room }) => room))
  expect([...rooms].filter((room) => !text.includes(room))).toEqual([])
})

/** `provider.Client.find = …`, or a function put in place of another on anything that comes from the library. */
function replacedMembersIn(source: Source): string[] {
  const usesLibrary = source.imports.some(({ target }) => target === 'oidc-provider' || isIn(target, 'src/protocol'))
  const functions = /(?<!: )\b(?!this\b)\w+(?:\.\w+)+ = (?:async )?(?:function\b|\([^()]*\)(?:: [^=]+)? =>|\w+ =>)/g
  return [
    ...at(source, /\.prototype\b/g),
    ...at(source, /\b[pP]rovider(?:\.\w+)+ = /g),
    ...(usesLibrary ? at(source, functions) : []),
  ]
}

function tablesWrittenIn(text: string): string[] {
  const built = [...text.matchAll(/\b(?:insertInto|updateTable|deleteFrom|mergeInto)\(\s*'(\w+)/g)]
  const written = [
    ...text.matchAll(
      /\b(?:insert into|update|delete from)\s+([a-z_]{4,})\b(?=[\s(]*(?:set|using|where|as|\(|[a-z] |$))/gm,
    ),
  ]
  return [...built.map(([, table = '']) => table), ...written.map(([, table = '']) => camelCase(table))].filter(
    (table) => table in writersOfTables || built.some(([, name]) => name === table),
  )
}

function camelCase(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
}
