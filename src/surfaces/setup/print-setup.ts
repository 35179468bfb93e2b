import { stringify } from 'yaml'

/** Mappings and lists in a line where they are short; nothing is folded. */
const style = { lineWidth: 0, indentSeq: true } as const

/**
 * A setup as YAML, piece by piece: a list that is an async iterable is never held whole. What is undefined is left out,
 * and so is a list of nothing.
 */
export async function* printSetup(values: object, indent = ''): AsyncGenerator<string> {
  for (const [key, value] of Object.entries(values)) {
    if (isStreamed(value)) yield* printList(key, value, indent)
    else if (value !== undefined) yield indented(stringify({ [key]: value }, style), indent)
  }
}

async function* printList(key: string, items: AsyncIterable<object>, indent: string): AsyncGenerator<string> {
  let isFirst = true
  for await (const item of items) {
    if (isFirst) yield `${indent}${key}:\n`
    isFirst = false
    let lead = `${indent}  - `
    for await (const piece of printSetup(item, `${indent}    `)) {
      yield lead + piece.slice(indent.length + 4)
      lead = `${indent}    `
    }
  }
}

function isStreamed(value: unknown): value is AsyncIterable<object> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

function indented(text: string, indent: string): string {
  return text.replace(/^(?=.)/gm, indent)
}
