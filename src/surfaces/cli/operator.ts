import type { Operator } from '#directory/users/actor.ts'

/** Who acts at the command line, for use cases and the audit log. */
export const operator: Operator = { system: 'command_line' }
