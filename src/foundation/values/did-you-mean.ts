/** More names than this are nothing to choose from, and comparing with each takes time. */
const mostNames = 1_000

/**
 * What to add to a message about a name that is not known: `` ; did you mean `redirect_uris`? ``, or nothing where no
 * known one is like it. A third of its characters may be wrong, missing, surplus or exchanged with the next one.
 */
export function didYouMean(written: string, known: Iterable<string>): string {
  const names = [...known]
  if (names.length > mostNames || written.length > 100) return ''
  const plain = plainOf(written)
  let closest: string | undefined
  let smallest = Math.max(1, Math.floor(plain.length / 3)) + 1
  for (const name of names) {
    const other = plainOf(name)
    if (Math.abs(other.length - plain.length) >= smallest) continue
    const distance = distanceBetween(plain, other)
    if (distance < smallest) [closest, smallest] = [name, distance]
  }
  return closest === undefined ? '' : `; did you mean \`${closest}\`?`
}

/** `redirectUris` and `redirect-uris` are meant for `redirect_uris`. */
function plainOf(name: string): string {
  return name.toLowerCase().replace(/[-_ ]/g, '')
}

/** Damerau and Levenshtein's, where no piece is edited twice. */
function distanceBetween(one: string, other: string): number {
  let [before, last]: [number[], number[]] = [[], Array.from({ length: other.length + 1 }, (_, index) => index)]
  for (let i = 1; i <= one.length; i++) {
    const row = [i]
    for (let j = 1; j <= other.length; j++) {
      const isSame = one[i - 1] === other[j - 1]
      const isSwapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]
      const swapped = isSwapped ? before[j - 2]! + 1 : Infinity
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (isSame ? 0 : 1), swapped)
    }
    ;[before, last] = [last, row]
  }
  return last[other.length]!
}
