import { type Form, parseForm } from '#foundation/http/read-form.ts'

/** The parameters that are looked at (RFC 7662 §2.1, and what the log is told of the request that brought the token). */
export interface IntrospectionForm {
  token: string | undefined
  client_id: string | undefined
  client_secret: string | undefined
  ip: string | undefined
  user_agent: string | undefined
  method: string | undefined
  path: string | undefined
}

/**
 * `parseForm` for a body of nothing but known parameters, each once, which nearly every one is: read from left to right,
 * without an object of any names. Whatever is unusual is left to `parseForm`, so the two cannot differ.
 * @throws GatehouseError as `parseForm` does
 */
export function introspectionForm(body: string): IntrospectionForm | Form {
  return plainForm(body) ?? parseForm(body, { anyBytes: true })
}

function plainForm(body: string): IntrospectionForm | undefined {
  const form = emptyForm()
  for (let at = 0; at < body.length; ) {
    const equals = body.indexOf('=', at)
    if (equals < 0) return undefined
    const ampersand = body.indexOf('&', at)
    const end = ampersand < 0 ? body.length : ampersand
    if (end < equals) return undefined
    const name = body.slice(at, equals)
    const value = decoded(body.slice(equals + 1, end))
    if (!isKnown(name) || value === undefined || form[name] !== undefined) return undefined
    form[name] = value
    at = end + 1
  }
  return form
}

function emptyForm(): IntrospectionForm {
  return {
    token: undefined,
    client_id: undefined,
    client_secret: undefined,
    ip: undefined,
    user_agent: undefined,
    method: undefined,
    path: undefined,
  }
}

const names = new Set<string>(Object.keys(emptyForm()))

function isKnown(name: string): name is keyof IntrospectionForm {
  return names.has(name)
}

/** Undefined: its escapes are no UTF-8. */
function decoded(value: string): string | undefined {
  const spaced = value.includes('+') ? value.replaceAll('+', ' ') : value
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return undefined
  }
}
