const longest = 100

/**
 * A name as inert text. Mail programs turn whatever looks like an address into a link, in HTML and in text, so a name
 * such as "Visit evil.example" would be a link in a mail of ours. A zero-width space behind each of its dots, slashes
 * and so on is invisible and ends that. Control and formatting characters (line breaks, reversed text) are removed, and
 * a name that tries to be a message is cut.
 */
export function inertText(text: string): string {
  const plain = text
    .replace(/[\p{Z}\t\r\n]+/gu, ' ')
    .replace(/\p{C}/gu, '')
    .trim()
  const characters = [...plain]
  const short = characters.length > longest ? `${characters.slice(0, longest - 1).join('')}…` : plain
  return short.replace(/([.:/@\\\u3002\uff0e\uff61])(?=\S)/g, '$1\u200b')
}
