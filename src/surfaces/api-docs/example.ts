import { isObject, type Json } from './plain-schema.ts'

/**
 * An example of a schema: its own, or one put together from its parts. Fields that may be left out are in it, but for those
 * that have no example of their own.
 * @param schemas what references lead to, by name
 * @returns of a field without words something of its type; undefined where not even that is known
 */
export function exampleOf(schema: Json, schemas: Readonly<Record<string, Json>>): unknown {
  const { $ref, examples, default: fallback, enum: values, type, format, anyOf, items, properties } = schema
  if (typeof $ref === 'string') return exampleOf(schemas[$ref.split('/').at(-1) ?? ''] ?? {}, schemas)
  if (Array.isArray(examples)) return examples[0]
  if (Array.isArray(values)) return values[0]
  if (fallback !== undefined) return fallback
  if (Array.isArray(anyOf)) return exampleOf(anyOf[0], schemas)
  if (isObject(properties)) return exampleOfFields(schema, schemas)
  if (isObject(items)) return listOfOne(exampleOf(items, schemas))
  return byType[String(format ?? [type].flat()[0])]
}

const byType: Record<string, unknown> = {
  boolean: true,
  null: null,
  object: {},
  string: 'text',
  integer: 1,
  number: 1,
  'date-time': '2027-01-31T12:00:00.000Z',
}

function exampleOfFields({ properties, required = [] }: Json, schemas: Readonly<Record<string, Json>>): Json {
  const fields = Object.entries(properties as Record<string, Json>)
    .map(([name, field]) => [name, exampleOf(field, schemas)] as const)
    .filter(([name, example]) => example !== undefined || (required as string[]).includes(name))
  return Object.fromEntries(fields)
}

function listOfOne(example: unknown): unknown[] | undefined {
  return example === undefined ? undefined : [example]
}
