import { emailKey } from '#foundation/values/email-address.ts'

/**
 * The addresses in a text that somebody pasted: a line each, a column of a table, the recipients of a mail
 * (`Ada Lovelace <ada@acme.test>, …`). Each comes once, in its first spelling; words that are none stay together as they
 * were typed, so that nothing is lost without a word.
 */
export function pastedAddresses(text: string): string[] {
  const found = text.split(/[\n\r,;\t]+/).flatMap((piece) => addressesIn(piece.trim()))
  return [...new Map(found.map((one) => [emailKey(one), one] as const).reverse()).values()].reverse()
}

function addressesIn(piece: string): string[] {
  const bracketed = [...piece.matchAll(/<([^<>]*)>/g)].map(([, address = '']) => bare(address))
  if (bracketed.length > 0) return bracketed.filter(Boolean)
  if (!piece.includes('@')) return [piece].filter(Boolean)
  return piece.split(/\s+/).map(bare).filter(Boolean)
}

/** Without what stands around an address in a mail or a link. */
function bare(word: string): string {
  return word
    .trim()
    .replace(/^mailto:/i, '')
    .replace(/^["'([]+|["')\].]+$/g, '')
}
