/**
 * Rules between the fields of an object as JSON Schema, for the `.meta(…)` of a zod schema that checks them itself. In
 * keywords that a generator of clients passes over where it doesn't know them: `oneOf` would make classes.
 */
type Rule = Record<string, unknown>

/** An object without any of these; to be put under `not`. */
export function noneOf(...names: string[]): Rule {
  return { properties: absent(names) }
}

/** Whoever gives one of these gives no other of them. */
export function excludeEachOther(...names: string[]): { dependentSchemas: Rule } {
  const others = (name: string) => names.filter((other) => other !== name)
  return { dependentSchemas: Object.fromEntries(names.map((name) => [name, { properties: absent(others(name)) }])) }
}

function absent(names: readonly string[]): Rule {
  return Object.fromEntries(names.map((name) => [name, { not: {} }]))
}
