import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

interface Import {
  /** Relative to the repository, or the name of a package. */
  target: string
  /** Gone when the program runs. */
  typeOnly: boolean
}

interface Source {
  file: string
  text: string
  imports: Import[]
}

const sources = ['src', 'adapters'].flatMap(readSources)

function readSources(folder: string): Source[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => {
      const file = join(folder, name)
      const text = withoutComments(readFileSync(join(root, file), 'utf8'))
      return { file, text, imports: importsOf(file, text) }
    })
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
}

function importsOf(file: string, text: string): Import[] {
  const statements = [...text.matchAll(/^(?:import|export)\s+(type\s)?([^'"]*?from\s+)?['"]([^'"]+)['"]/gm)]
  const dynamic = [...text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)]
  return [
    ...statements.map(([, type, names = '', specifier = '']) => ({
      target: locate(file, specifier),
      typeOnly: type !== undefined || onlyTypes(names),
    })),
    ...dynamic.map(([, specifier = '']) => ({ target: locate(file, specifier), typeOnly: false })),
  ]
}

/** `{ type A, type B }` */
function onlyTypes(names: string): boolean {
  const list = /^\{([^}]*)\}\s*from\s+$/.exec(names)?.[1]
  const entries = list?.split(',').filter((name) => name.trim() !== '') ?? []
  return entries.length > 0 && entries.every((name) => /^\s*type\s/.test(name))
}

function locate(file: string, specifier: string): string {
  return specifier.startsWith('.') ? relative(root, resolve(root, dirname(file), specifier)) : specifier
}

/** Whom the program needs it for; somebody's type in a signature is no dependency of it. */
function importersOf(target: string): string[] {
  return sources
    .filter(({ imports }) => imports.some((one) => one.target === target && !one.typeOnly))
    .map(({ file }) => file)
}

describe('imports', () => {
  test('are understood: every relative one is a file, and there are many', () => {
    const files = new Set(sources.map(({ file }) => file))
    const relativeImports = sources.flatMap(({ imports }) =>
      imports.filter(({ target }) => /^(src|adapters)\//.test(target)),
    )
    expect(relativeImports.length).toBeGreaterThan(200)
    expect(relativeImports.filter(({ target }) => !files.has(target))).toEqual([])
  })

  test('of oidc-provider stay where its words end', () => {
    const allowed = ['src/oidc', 'src/interaction', 'adapters', 'src/server.ts', 'src/account/signed-in-user.ts']
    const elsewhere = importersOf('oidc-provider').filter((file) => !allowed.some((place) => isIn(file, place)))
    expect(elsewhere).toEqual([])
  })

  test('of the database driver and of Redis stay with the stores', () => {
    expect(importersOf('pg').filter((file) => !isIn(file, 'src/database') && !isIn(file, 'adapters'))).toEqual([])
    expect(importersOf('@electric-sql/pglite')).toEqual(['adapters/pglite-pool.ts'])
    expect(importersOf('ioredis').filter((file) => !isIn(file, 'src/redis') && !isIn(file, 'adapters'))).toEqual([])
  })

  test('of the roots are made by the roots only', () => {
    expect(importersOf('src/main.ts')).toEqual([])
    expect(importersOf('src/cli/gatehouse.ts')).toEqual([])
    expect(importersOf('src/server.ts')).toEqual(['src/main.ts'])
    expect(importersOf('src/app.ts')).toEqual(['src/server.ts'])
  })

  test('never go in a circle, types aside', () => {
    expect(cyclesAmong((source) => source.imports.filter((one) => !one.typeOnly))).toEqual([])
  })

  test('of http/ are of nothing that knows what Gatehouse is about', () => {
    const foundation = [
      'src/http',
      'src/crypto',
      'src/redis',
      'src/database',
      'src/errors.ts',
      'src/config.ts',
      'src/log.ts',
    ]
    const concepts = sources
      .filter(({ file }) => isIn(file, 'src/http'))
      .flatMap(({ file, imports }) => imports.filter((one) => !one.typeOnly).map(({ target }) => `${file} → ${target}`))
      .filter((edge) => /→ (src|adapters)\//.test(edge))
      .filter((edge) => !foundation.some((place) => isIn(edge.split(' → ')[1]!, place)))
    expect(concepts).toEqual([])
  })

  test('of errors.ts are none', () => {
    expect(sources.find(({ file }) => file === 'src/errors.ts')?.imports).toEqual([])
  })
})

test('the environment is read in one place, and by the command line', () => {
  const readers = sources.filter(({ text }) => /process\.env\b/.test(text)).map(({ file }) => file)
  expect(readers.filter((file) => file !== 'src/main.ts' && !isIn(file, 'src/cli'))).toEqual([])
  expect(readers).toContain('src/main.ts')
})

test('no file is a drawer', () => {
  const drawers = sources.filter(({ file }) => /\/(utils?|helpers?|types|index|common|misc)\.ts$/.test(file))
  expect(drawers.map(({ file }) => file)).toEqual([])
})

function isIn(file: string, place: string): boolean {
  return file === place || file.startsWith(`${place}/`)
}

/** Each as `a → b → a`. */
function cyclesAmong(edgesOf: (source: Source) => Import[]): string[] {
  const byFile = new Map(sources.map((source) => [source.file, source]))
  const finished = new Set<string>()
  const found: string[] = []
  function visit(file: string, path: string[]) {
    const start = path.indexOf(file)
    if (start >= 0) found.push([...path.slice(start), file].join(' → '))
    const source = byFile.get(file)
    if (start >= 0 || finished.has(file) || !source) return
    for (const { target } of edgesOf(source)) visit(target, [...path, file])
    finished.add(file)
  }
  for (const { file } of sources) visit(file, [])
  return found
}
