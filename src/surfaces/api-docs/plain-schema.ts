/** A JSON Schema, or a part of an OpenAPI document. */
export type Json = Record<string, unknown>

/**
 * A schema as generators of clients take it: what zod writes precisely and they stumble over is said in a simpler way, or
 * left to the description. Nothing that a request is refused for is lost: the server checks by zod, not by this.
 */
export function plainSchema(schema: Json): Json {
  return [withPlainParts, nullableType, oneString, oneEnum, withoutNoise].reduce((plain, step) => step(plain), schema)
}

const maps = ['properties', '$defs', 'dependentSchemas']
const lists = ['anyOf', 'oneOf', 'allOf', 'prefixItems']
const single = ['items', 'additionalProperties', 'not']

function withPlainParts(schema: Json): Json {
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, plainPart(key, value)]))
}

function plainPart(key: string, value: unknown): unknown {
  if (maps.includes(key)) return mapValues(value as Record<string, Json>, plainSchema)
  if (lists.includes(key)) return (value as Json[]).map(plainSchema)
  if (single.includes(key) && isObject(value)) return plainSchema(value)
  return value
}

/** `anyOf: [string, null]` is a class of its own in many languages; `type: [string, null]` is a string that may be absent. */
function nullableType(schema: Json): Json {
  const { anyOf, ...rest } = schema
  if (!Array.isArray(anyOf) || anyOf.length !== 2 || anyOf[1].type !== 'null') return schema
  const { type, enum: values, ...inner } = anyOf[0] as Json
  if (typeof type !== 'string' || 'anyOf' in inner) return schema
  return { ...inner, ...rest, type: [type, 'null'], ...(Array.isArray(values) && { enum: [...values, null] }) }
}

/** A time or a date is a string to the client that sends it. */
function oneString(schema: Json): Json {
  const { anyOf, ...rest } = schema
  if (!Array.isArray(anyOf) || !anyOf.every((one) => one.type === 'string' && !one.enum)) return schema
  return { ...rest, type: 'string' }
}

/** Values written one by one are one enumeration, however many objects stand beside them. */
function oneEnum(schema: Json): Json {
  const { const: value, anyOf, ...rest } = schema
  if (value !== undefined) return { ...schema, const: undefined, enum: [value] }
  if (!Array.isArray(anyOf)) return schema
  const [words, others] = [anyOf.filter(isWord), anyOf.filter((one) => !isWord(one))]
  if (words.length < 2) return schema
  const all = { type: 'string', enum: words.flatMap((one) => one.enum) }
  return others.length === 0 ? { ...rest, ...all } : { ...rest, anyOf: [all, ...others] }
}

const isWord = (one: Json) => one.type === 'string' && Array.isArray(one.enum)

/** Patterns that only JavaScript understands, or that say again what a format says; bounds of every number; names of any form. */
function withoutNoise(schema: Json): Json {
  const { pattern, format, minimum, maximum, allOf } = schema
  const drops: Record<string, boolean> = {
    const: schema.const === undefined,
    pattern: typeof pattern === 'string' && (/\\p\{|\(\?[=!<]/.test(pattern) || typeof format === 'string'),
    allOf: Array.isArray(allOf) && allOf.every((one) => Object.keys(one).every((key) => key === 'pattern')),
    propertyNames: true,
    minimum: minimum === Number.MIN_SAFE_INTEGER,
    maximum: maximum === Number.MAX_SAFE_INTEGER,
    $schema: true,
  }
  return Object.fromEntries(Object.entries(schema).filter(([key]) => !drops[key]))
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function mapValues<In, Out>(
  map: Record<string, In>,
  change: (value: In, key: string) => Out,
): Record<string, Out> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value, key)]))
}
