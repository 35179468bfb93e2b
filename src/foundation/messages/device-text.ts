import { message, type Text } from './message.ts'

/** A device's name for a page or a mail. @param name English, as `foundation/values/device-name.ts` makes it */
export function deviceText(name: string): Text {
  if (name === 'Unknown device') return message('page-kit.unknown_device')
  const [, browser, system] = /^(.+) on (.+)$/.exec(name) ?? []
  return browser && system ? message('page-kit.device', { browser, system }) : name
}
