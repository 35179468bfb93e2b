import type { Media, OpenApi, Operation, Parameter, Schema } from './described-answers.ts'
import { resolved } from './described-answers.ts'

/** Numbers from a seed: the same in every run, so that what was found can be found again. */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** At least 0, less than 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  one<T>(values: readonly T[]): T {
    return values[Math.floor(this.next() * values.length)]!
  }

  /** True once in so many times. */
  in(times: number): boolean {
    return this.next() * times < 1
  }
}

export interface FuzzedRequest {
  method: string
  path: string
  headers: Record<string, string>
  body: string | undefined
}

/** What may stand in a path in place of each parameter: things that are there, here and elsewhere. */
export type Things = Record<string, readonly string[]>

const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
const strange = ['', ' ', '\u0000', '\u202e', '😀', "'", '*', '..', '-1', 'null', 'true', '1e999', 'x'.repeat(3000)]
const strangeInPaths = ['%00', '%ff', '%2e%2e%2f', '%F0%9F%98%80', 'a%2Fb', '*', 'x'.repeat(2000), '0', "'"]
const values: unknown[] = [
  null,
  true,
  0,
  -1,
  1e300,
  0.5,
  [],
  {},
  [[]],
  [null],
  ['x', 'x'],
  { a: { b: {} } },
  ...strange,
]
const bodies = [
  '',
  '{',
  'null',
  '[]',
  '"x"',
  '0',
  '{"a":1,"a":2}',
  '{"__proto__":{"admin":true}}',
  '{"a":"\\ud800"}',
  deep(9),
  deep(20_000),
]

/** A request of an operation: by turns as it is described, wrong in one place, or wrong altogether. */
export function fuzzed(
  document: OpenApi,
  { method, path, operation }: { method: string; path: string; operation: Operation },
  things: Things,
  chance: Chance,
): FuzzedRequest {
  const parameters = operation.parameters.map((one) => (one.$ref ? resolved<Parameter>(document, one.$ref) : one))
  const [media] = Object.entries(operation.requestBody?.content ?? {})
  const headers: Record<string, string> = {}
  for (const { name } of parameters.filter((one) => one.in === 'header')) {
    if (chance.in(4)) headers[name] = chance.one(['"x"', '*', 'W/"x"', 'x'.repeat(300), '", "'])
  }
  if (media) headers['content-type'] = chance.in(20) ? 'text/plain' : media[0]
  return {
    method,
    path: `${fuzzedPath(path, parameters, things, chance)}${fuzzedQuery(parameters, chance)}`,
    headers,
    body: media && fuzzedBody(media[0], media[1], document, chance),
  }
}

function fuzzedPath(path: string, parameters: Parameter[], things: Things, chance: Chance): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => {
    if (chance.in(5)) return chance.one(strangeInPaths)
    const known = things[name] ?? []
    const example = parameters.find((one) => one.name === name)?.example
    return encodeURIComponent(known.length > 0 ? chance.one(known) : String(example))
  })
}

function fuzzedQuery(parameters: Parameter[], chance: Chance): string {
  const pairs = parameters
    .filter((one) => one.in === 'query' && (one.required || chance.in(2)))
    .map(({ name, example, schema }) => {
      const described = schema.enum ? chance.one(schema.enum) : example
      return `${name}=${encodeURIComponent(String(chance.in(2) ? described : chance.one(strange)))}`
    })
  if (chance.in(12)) pairs.push(chance.one(['unknown=1', '%ff=1', 'limit=1&limit=2', '__proto__=1', 'cursor=W10']))
  return pairs.length > 0 ? `?${pairs.join('&')}` : ''
}

function fuzzedBody(type: string, media: Media, document: OpenApi, chance: Chance): string {
  if (type !== 'application/json') {
    const fields = Object.entries(media.example ?? {}).map(([name, value]): [string, string] => [
      name,
      chance.in(3) ? chance.one(strange) : String(value),
    ])
    if (chance.in(6)) fields.push(...fields.slice(0, 1))
    return String(new URLSearchParams(fields))
  }
  if (chance.in(6)) return chance.one(bodies)
  const schema = media.schema.$ref ? resolved<Schema>(document, media.schema.$ref) : media.schema
  const body: Record<string, unknown> = { ...(media.example as object) }
  for (const name of Object.keys(body)) if (chance.in(5)) delete body[name]
  const names = Object.keys(schema.properties ?? {})
  if (chance.in(2) && names.length > 0) body[chance.one(names)] = chance.one(values)
  if (chance.in(10)) body[chance.one(['id', 'organization_id', 'superadmin', 'unknown'])] = chance.one(values)
  return JSON.stringify(body)
}
