import type { Answer, Command } from './command.ts'
import { type CommandLineParts, commandGroups, commandTable } from './commands.ts'
import { explain } from './explain.ts'
import { Answered, programOf, typedName, usageOf } from './program.ts'
import { type Surroundings, type Terminal, terminalOf } from './terminal.ts'
import { UsageError } from './usage-error.ts'

/**
 * `gatehouse …`: runs the command that was typed and prints what it answers, or why it was refused.
 * @param typed without the program's own name
 * @returns the exit status
 */
export async function runCommandLine(
  typed: readonly string[],
  surroundings: Surroundings,
  parts: CommandLineParts,
): Promise<number> {
  const terminal = terminalOf(surroundings, { json: typed.includes('--json') })
  let status = 0
  const program = programOf(commandTable(parts), commandGroups, terminal, async (command, given) => {
    const answer = await command.run(checked(command, given), terminal)
    if (answer) status = tell(answer, terminal)
  })
  try {
    await program.parseAsync(asked(typed), { from: 'user' })
    return status
  } catch (error) {
    if (error instanceof Answered) return 0
    const { status, text, problem } = explain(error)
    terminal.stderr.write(`${terminal.json ? JSON.stringify(problem) : text}\n`)
    return status
  }
}

/** `gatehouse help user create` is `gatehouse user create --help`. */
function asked([first, ...rest]: readonly string[]): string[] {
  if (first === 'help') return [...rest, '--help']
  return first === undefined ? [] : [first, ...rest]
}

/** @throws UsageError naming each parameter at fault, never its value: it may be a secret */
export function checked(command: Command, typed: Record<string, unknown>): Record<string, unknown> {
  const wrong: string[] = []
  const given = Object.entries(command.takes).map(([key, parameter]) => {
    const parsed = parameter.value.safeParse(typed[key])
    const problems = typed[key] === undefined ? ['is required'] : parsed.error?.issues.map(({ message }) => message)
    if (!parsed.success) wrong.push(...(problems ?? []).map((problem) => `${typedName(key, parameter)}: ${problem}`))
    return [key, parsed.data]
  })
  if (wrong.length > 0) throw new UsageError(wrong.join('\n'), usageOf(command))
  return Object.fromEntries(given)
}

function tell({ json, lines, note, refused }: Answer, terminal: Terminal): number {
  if (terminal.json) terminal.stdout.write(`${JSON.stringify(json, null, 2)}\n`)
  else {
    if (lines.length > 0) terminal.stdout.write(`${lines.join('\n')}\n`)
    if (note !== undefined) terminal.stderr.write(`${note}\n`)
  }
  return refused ? 1 : 0
}
