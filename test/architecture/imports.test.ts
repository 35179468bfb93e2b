import { describe, expect, test } from 'vitest'
import { floors, heightOf, type Place, placeOf } from './house.ts'
import { type Import, isIn, type Source, sources } from './sources.ts'

const isOurs = ({ target }: Import) => /^(src|adapters)\//.test(target)
const nameOf = ({ floor, room }: Place) => `${floor}/${room}`

describe('imports', () => {
  test('are understood: every one of ours is a file, and there are many', () => {
    const files = new Set(sources.map(({ file }) => file))
    const ours = sources.flatMap(({ imports }) => imports.filter(isOurs))
    expect(ours.length).toBeGreaterThan(1000)
    expect(ours.filter(({ target }) => !files.has(target))).toEqual([])
  })

  test('come from known floors and rooms', () => {
    const unknown = sources
      .map(({ file }) => ({ file, place: placeOf(file) }))
      .filter(({ place }) => !(floors[place.floor] as readonly string[] | undefined)?.includes(place.room))
    expect(unknown).toEqual([])
  })

  test('point down, or along their floor to a room that stands before; types too', () => {
    const up = sources.flatMap(({ file, imports }) =>
      imports
        .filter(isOurs)
        .filter(({ target }) => heightOf(placeOf(target)) > heightOf(placeOf(file)))
        .map(({ target }) => `${file} → ${target}`),
    )
    expect(up).toEqual([])
  })

  test('name another room by its floor, and the own one relatively', () => {
    const odd = sources.flatMap(({ file, text }) =>
      [...text.matchAll(/from\s+['"](#[^'"]+|\.[^'"]+)['"]/g)]
        .map(([, specifier = '']) => ({ file, specifier }))
        .filter(({ specifier }) => specifier.startsWith('../') || isOwnRoom(file, specifier)),
    )
    expect(odd.filter(({ file }) => placeOf(file).floor !== 'roof')).toEqual([])
  })

  test('never go in a circle, between files or rooms, types included', () => {
    const byFile = new Map(sources.map((source) => [source.file, source.imports.map(({ target }) => target)]))
    expect(cyclesAmong(byFile)).toEqual([])
    expect(cyclesAmong(roomsByRoom(sources))).toEqual([])
  })

  test('of route tables are made by the roof only', () => {
    const tables = sources.flatMap(({ file, imports }) =>
      imports
        .filter(isOurs)
        .filter(({ target, typeOnly }) => !typeOnly && /-(api|pages)\.ts$/.test(target))
        .filter(({ target }) => placeOf(file).floor !== 'roof' && nameOf(placeOf(target)) !== nameOf(placeOf(file)))
        .map(({ target }) => `${file} → ${target}`),
    )
    expect(tables).toEqual([])
  })

  test('of the roots are made by the roots only', () => {
    expect(importersOf('src/main.ts')).toEqual(['src/gatehouse.ts'])
    expect(importersOf('src/gatehouse.ts')).toEqual([])
    expect(importersOf('src/server.ts')).toEqual(['src/main.ts'])
    expect(importersOf('src/app.ts')).toEqual(['src/server.ts'])
    expect(importersOf('src/routes.ts')).toEqual(['src/server.ts'])
  })

  test.for([
    ['oidc-provider', ['src/protocol', 'adapters', 'src/surfaces/sign-in']],
    ['koa', ['src/surfaces', 'src/protocol', 'src/foundation/http', 'src/app.ts', 'src/server.ts']],
    ['pg', ['src/foundation/database']],
    [
      '@electric-sql/pglite',
      ['src/foundation/database/pglite-pool.ts', 'src/foundation/database/write-empty-cluster.ts'],
    ],
    ['ioredis', ['src/foundation/redis', 'src/foundation/http/rate-limit.ts', 'adapters']],
  ] as const)('of %s stay in their rooms, types too', ([library, allowed]) => {
    const elsewhere = importersOf(library).filter((file) => !allowed.some((place) => isIn(file, place)))
    expect(elsewhere).toEqual([])
  })
})

function isOwnRoom(file: string, specifier: string): boolean {
  const { floor, room } = placeOf(file)
  return specifier.startsWith(`#${floor}/${room}/`)
}

function importersOf(target: string): string[] {
  return sources.filter(({ imports }) => imports.some((one) => one.target === target)).map(({ file }) => file)
}

function roomsByRoom(all: readonly Source[]): Map<string, string[]> {
  const rooms = new Map<string, string[]>()
  for (const { file, imports } of all) {
    const room = nameOf(placeOf(file))
    const others = imports
      .filter(isOurs)
      .map(({ target }) => nameOf(placeOf(target)))
      .filter((other) => other !== room)
    rooms.set(room, [...(rooms.get(room) ?? []), ...others])
  }
  return rooms
}

/** Each as `a → b → a`. */
function cyclesAmong(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const finished = new Set<string>()
  const found: string[] = []
  function visit(node: string, path: string[]) {
    const start = path.indexOf(node)
    if (start >= 0) found.push([...path.slice(start), node].join(' → '))
    const targets = edges.get(node)
    if (start >= 0 || finished.has(node) || !targets) return
    for (const target of targets) visit(target, [...path, node])
    finished.add(node)
  }
  for (const node of edges.keys()) visit(node, [])
  return found
}
