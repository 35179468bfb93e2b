import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { withFieldWords } from './field-words.ts'
import { isObject, type Json, plainSchema } from './plain-schema.ts'

/** The schemas of one document: what has a `.meta({ id })` is written once and referred to. */
export interface SchemaCollection {
  /** @param owner whose fields these are, where the schema has no name of its own */
  schemaOf(schema: z.ZodType, io: 'input' | 'output', owner?: string): Json
  /** What references lead to, by name. */
  readonly schemas: Readonly<Record<string, Json>>
  /** The document with its components under their final names. */
  named<Document extends object>(document: Document): Document & { components: { schemas: Record<string, Json> } }
}

/** Marks what a request says as long as it isn't known whether an answer says the same in the same way. */
const asInput = '@input'
const prefix = '#/components/schemas/'

export function schemaCollection(): SchemaCollection {
  const schemas: Record<string, Json> = {}

  function schemaOf(schema: z.ZodType, io: 'input' | 'output', owner = ''): Json {
    const suffix = io === 'input' ? asInput : ''
    const written = z.toJSONSchema(schema, { io, override: opened(io), unrepresentable: 'any' }) as Json
    const text = JSON.stringify(written).replace(/"#\/\$defs\/([^"]+)"/g, `"${prefix}$1${suffix}"`)
    const { $defs = {}, ...own } = plainSchema(JSON.parse(text))
    for (const [name, definition] of Object.entries($defs as Record<string, Json>)) {
      const component = withFieldWords(definition, name)
      keep(`${name}${suffix}`, JSON.parse(JSON.stringify(component)))
    }
    return withFieldWords(own, owner)
  }

  function keep(name: string, component: Json) {
    const known = schemas[name]
    if (known && !isDeepStrictEqual(known, component)) throw new Error(`two schemas are called ${name}`)
    schemas[name] = component
  }

  return {
    schemas,
    schemaOf,
    named(document) {
      const text = JSON.stringify({ document, schemas }).replace(
        /"(#\/components\/schemas\/)?([^"@]+)@input"/g,
        (_, reference = '', name: string) => JSON.stringify(`${reference}${nameOfInput(name, schemas)}`),
      )
      const named = JSON.parse(text)
      const components = { ...named.document.components, schemas: named.schemas }
      return { ...named.document, components }
    },
  }
}

/** The same words for a request and an answer are one schema; else the request's is called so. */
function nameOfInput(name: string, schemas: Readonly<Record<string, Json>>): string {
  const [answered, asked] = [schemas[name], schemas[`${name}${asInput}`]]
  if (!answered) return name
  const same = JSON.stringify(asked).replaceAll(`${asInput}"`, '"') === JSON.stringify(answered)
  return same ? name : `${name}Input`
}

/**
 * An answer may have more fields some day: no generated client shall refuse them. Of a request zod drops the examples where
 * anything in it is transformed, for they could be of what comes out; ours are of what is sent.
 */
function opened(io: 'input' | 'output') {
  return ({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodType; jsonSchema: Json }) => {
    const { examples } = z.globalRegistry.get(zodSchema) ?? {}
    if (io === 'input' && examples) jsonSchema.examples = examples
    if (io === 'output' && !isObject(jsonSchema.additionalProperties)) delete jsonSchema.additionalProperties
  }
}
