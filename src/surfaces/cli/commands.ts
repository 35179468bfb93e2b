import { apply } from './apply.ts'
import type { Command } from './command.ts'
import { keysRotate } from './keys-rotate.ts'
import { plan } from './plan.ts'
import { scanKeys } from './scan-keys.ts'
import { startWith } from './start.ts'

/** What the command line is given by the roof, which it knows nothing of. */
export interface CommandLineParts {
  /** Becomes the server, as `npm start` does. */
  start(): Promise<unknown>
}

/** What the commands of two words are about. */
export const commandGroups = {
  keys: 'the keys that sign tokens',
}

/** Every command, in the order of help: a new one is a file and a line here. */
export function commandTable({ start }: CommandLineParts): readonly Command[] {
  return [startWith(start), plan, apply, keysRotate, scanKeys]
}
