import type { MessageKey } from './catalogue.ts'
import { textsOf } from './catalogue.ts'
import { fallbackLanguage } from './languages.ts'
import { Message, type Text } from './message.ts'

/**
 * What a refusal says, for a page to say in its reader's language. The API's English sentence is itself the name of the
 * entry in the catalogues `errors.json`, so the two cannot drift apart; each number in it is a placeholder there:
 * `must be at most 200 characters` is found under `must be at most {0} characters`.
 * @returns English, where no catalogue has it
 */
export function sentence(english: string): Text {
  const numbers: Record<string, number> = {}
  const known = textsOf(fallbackLanguage)
  const pattern = known.has(`errors.${english}`) ? english : withPlaceholders(english, numbers)
  const key = `errors.${pattern}`
  return known.has(key) ? new Message(key as MessageKey, numbers) : atField(english)
}

/** Schemas say `must be …` of a field, beside which it is a sentence. */
function atField(english: string): string {
  return /^(must|is) /.test(english) ? `This ${english}.` : english
}

function withPlaceholders(english: string, numbers: Record<string, number>): string {
  let count = 0
  return english.replace(/\d+/g, (digits) => {
    numbers[count] = Number(digits)
    return `{${count++}}`
  })
}
