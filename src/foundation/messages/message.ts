import type { MessageKey } from './catalogue.ts'

/** What a message's placeholders stand for. A message among them is said in the same language, names
 * are joined as it does (`a, b and c`). */
export type Values = Readonly<Record<string, string | number | Date | Message | readonly string[] | undefined>>

/** Something to say, in whatever language its reader will have: the page or the mail that shows it says it. */
export class Message {
  readonly key: MessageKey
  readonly values: Values

  constructor(key: MessageKey, values: Values) {
    this.key = key
    this.values = values
  }
}

/** @param key names an entry of the catalogues in `views/messages/`; one that English lacks is a type error */
export function message(key: MessageKey, values: Values = {}): Message {
  return new Message(key, values)
}

/** What a page shows: a message of a catalogue, or a text that is the same in every language, as a name is. */
export type Text = string | Message
