/**
 * jsonb refuses U+0000 and lone surrogates, which a request may well contain (`state=%00`, `nonce=%00`): they are written as four hex
 * digits after U+E000, as is U+E000 itself.
 */
export function toJsonb(payload: Record<string, unknown>): string {
  return JSON.stringify(payload).replace(/\\u(0000|d[89a-f][0-9a-f]{2})|\\.|\uE000/g, (found, code?: string) => {
    if (code) return `\uE000${code}`
    return found === '\uE000' ? '\uE000e000' : found
  })
}

export function fromJsonb(text: string): Record<string, unknown> {
  return JSON.parse(text.replace(/\uE000([0-9a-f]{4})/g, (_, code) => `\\u${code}`))
}
