/*
 * Pages in the language `x-marked` have ⟦marks⟧ around each text that comes from a catalogue (`foundation/messages`): what is
 * outside of them is written into a view or a handler, or it is data.
 */

/** What a page says outside of all marks, to the eye and to a screen reader. */
export function unmarkedTexts(html: string): string[] {
  const shown = html.replace(/<(script|style|svg|pre|code|textarea)\b[\s\S]*?<\/\1>/g, separator)
  const attributes = [...shown.matchAll(/\s(?:title|aria-label|placeholder|alt)="([^"]*)"/g)].map(
    ([, value = '']) => value,
  )
  return [shown.replace(/<[^>]*>/g, separator), ...attributes]
    .flatMap((text) => outsideOfMarks(decoded(text)).split(separator))
    .map((text) => text.replace(/\s+/g, ' ').trim())
    .filter((text) => /\p{L}{2}/u.test(text))
}

const separator = '\u0001'

/** Marks of a sentence span its elements, and a message inside another has its own. */
function outsideOfMarks(text: string): string {
  let depth = 0
  let outside = ''
  for (const character of text) {
    if (character === '⟦') depth++
    else if (character === '⟧') {
      depth--
      outside += separator
    } else if (depth === 0) outside += character
  }
  if (depth !== 0) throw new Error(`marks that do not match in ${text.slice(0, 200)}`)
  return outside
}

function decoded(text: string): string {
  return text
    .replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}

/** The addresses of our own that a page links to. */
export function linksIn(html: string, url: string): string[] {
  const { origin } = new URL(url)
  return [...html.matchAll(/<a\b[^>]*\shref="([^"]*)"/g)]
    .map(([, href = '']) => new URL(decoded(href), url))
    .filter((target) => target.origin === origin)
    .map(({ pathname, search }) => pathname + search)
}
