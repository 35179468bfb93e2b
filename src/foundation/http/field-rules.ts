/**
 * Rules between the fields of an object as JSON Schema, for the `.meta(…)` of a zod schema that checks them itself. All are
 * said by `not`, which generators of clients pass over: of `oneOf` they would make classes.
 */
interface Rule {
  not: Record<string, unknown>
}

/** One of these is needed; more may be given. */
export function atLeastOneOf(...names: string[]): Rule {
  return { not: none(names) }
}

/** Of these two only one may be given. */
export function atMostOneOf(...names: [string, string]): Rule {
  return { not: both(names) }
}

/** One of these two is needed, and only one may be given. */
export function exactlyOneOf(...names: [string, string]): Rule {
  return { not: { anyOf: [none(names), both(names)] } }
}

function none(names: readonly string[]): Record<string, unknown> {
  return { properties: Object.fromEntries(names.map((name) => [name, { not: {} }])) }
}

function both(names: readonly string[]): Record<string, unknown> {
  return { required: names, properties: Object.fromEntries(names.map((name) => [name, {}])) }
}
