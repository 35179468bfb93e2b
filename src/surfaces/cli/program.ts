import { readFileSync } from 'node:fs'
import { Argument, type CommanderError, type Command as Node, Option, Command as Program } from 'commander'
import type { Command, Parameter } from './command.ts'
import type { Terminal } from './terminal.ts'
import { UsageError } from './usage-error.ts'

/** Runs a command with what was typed for each of its parameters, unchecked. */
export type Act = (command: Command, typed: Record<string, unknown>) => Promise<void>

/** Help or the version was asked for, and has been printed. */
export class Answered extends Error {}

/** What several commands are about, by their first word. */
export type Groups = Readonly<Record<string, string>>

const width = 100

const closing = `
Each command has --help, with examples, and --json: one JSON document on stdout (log tail: one a
line), and on stderr why it was refused, as problem details.

The database is the server's own: DATABASE_URL, beside running servers; else the embedded one in
DATA_DIR (./data), which a running server holds for itself: stop it first, or use its API.

Exit status: 0 done, 1 refused (stderr says why), 2 wrong usage or an environment that cannot be used.`

/** The command line, of the declarations of its commands. It throws UsageError, or Answered, and never exits. */
export function programOf(
  commands: readonly Command[],
  groups: Groups,
  { stdout }: Pick<Terminal, 'stdout'>,
  act: Act,
): Program {
  const program = new Program('gatehouse')
    .description('Administers a Gatehouse authorization server.')
    .usage('<command>')
    .version(versionOfPackage(), '-V, --version', 'print the version')
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: () => {},
      outputError: () => {},
      getOutHelpWidth: () => width,
    })
    .configureHelp({ subcommandTerm: termOf })
    .helpOption('-h, --help', 'print this text')
    .helpCommand(false)
    .addHelpText('after', closing)
  leaveBy(program)
  for (const command of commands) addCommand(program, groups, command, act)
  return program
}

function addCommand(program: Program, groups: Groups, command: Command, act: Act): void {
  const words = command.name.split(' ')
  const [last = ''] = words.splice(-1)
  const [group] = words
  const parent = group === undefined ? program : groupIn(program, group, groups[group] ?? '')
  const node = parent
    .command(last)
    .summary(command.summary)
    .description([sentence(command.summary), command.about].filter(Boolean).join('\n\n'))
    .usage(parametersOf(command))
    .helpOption('-h, --help', 'print this text')
    .addHelpText('after', `\nExamples:\n${command.examples.map((typed) => `  gatehouse ${typed}`).join('\n')}`)
  leaveBy(node)
  const parameters = Object.entries(command.takes)
  const operands = parameters.filter(([, { as }]) => as === 'operand')
  for (const [, parameter] of operands) node.addArgument(argumentOf(parameter))
  for (const [name, parameter] of parameters) if (parameter.as !== 'operand') node.addOption(optionOf(name, parameter))
  node.option('--json', 'print JSON, for programs')
  node.action(() => {
    const typed = operands.map(([name], index) => [name, node.processedArgs[index]])
    return act(command, { ...node.opts(), ...Object.fromEntries(typed) })
  })
}

function groupIn(program: Program, name: string, summary: string): Node {
  const found = program.commands.find((one) => one.name() === name)
  if (found) return found
  const group = program
    .command(name)
    .summary(summary)
    .description(sentence(summary))
    .usage('<command>')
    .helpOption('-h, --help', 'print this text')
    .helpCommand(false)
  leaveBy(group)
  return group
}

function argumentOf({ shown, about, value, many }: Parameter): Argument {
  return new Argument(bracketed({ shown, value, many }), about)
}

/** `<path...>`: required, one or more. */
function bracketed({ shown, value, many }: Pick<Parameter, 'shown' | 'value' | 'many'>): string {
  const name = many ? `${shown}...` : shown
  return isRequired(value) ? `<${name}>` : `[${name}]`
}

function optionOf(name: string, { as, shown, about, many, short }: Parameter): Option {
  const flags = `${short ? `-${short}, ` : ''}--${kebab(name)}${as === 'flag' ? '' : ` <${shown}>`}`
  const option = new Option(flags, many ? `${about} (may be repeated)` : about)
  return many ? option.argParser((one: string, before: string[] = []) => [...before, one]) : option
}

/** `gatehouse plan --file <file> [options]` */
export function usageOf(command: Command): string {
  return `gatehouse ${command.name} ${parametersOf(command)}`
}

/** Required options are named, since no list of options says which they are. */
function parametersOf({ takes }: Command): string {
  const required = Object.entries(takes).filter(([, { value }]) => isRequired(value))
  return [
    ...required.filter(([, { as }]) => as === 'option').map(([name, one]) => `${typedName(name, one)} <${one.shown}>`),
    '[options]',
    ...Object.values(takes)
      .filter(({ as }) => as === 'operand')
      .map((one) => bracketed(one)),
  ].join(' ')
}

/** In a list: `keys rotate|list`, `scan-keys <path...>`. */
function termOf(node: Node): string {
  const below = node.commands.map((one) => one.name()).join('|')
  const operands = node.registeredArguments.map((one) => (one.required ? `<${one.name()}>` : `[${one.name()}]`))
  return [node.name(), ...(below ? [below] : operands)].join(' ')
}

/** As it is typed: `<email>`, `--expires-in-days`. */
export function typedName(name: string, { as, shown }: Parameter): string {
  return as === 'operand' ? `<${shown}>` : `--${kebab(name)}`
}

function isRequired(value: Parameter['value']): boolean {
  return !value.safeParse(undefined).success
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** Commander would end the process; what it has to say about a mistake is told by who runs the program. */
function leaveBy(node: Node): void {
  node.exitOverride((error: CommanderError) => {
    if (error.exitCode === 0) throw new Answered()
    throw new UsageError(mistakeOf(error, node), `${nameOf(node)} ${node.usage()}`)
  })
}

function mistakeOf({ code, message }: CommanderError, node: Node): string {
  if (code !== 'commander.help') return message.replace(/^error: /, '')
  return `${nameOf(node)}: which command? There are: ${node.commands.map((one) => one.name()).join(', ')}`
}

function nameOf(node: Node): string {
  return node.parent ? `${nameOf(node.parent)} ${node.name()}` : node.name()
}

function versionOfPackage(): string {
  return JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')).version
}
