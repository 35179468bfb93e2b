import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { runGatehouse } from '#support/command-line.ts'
import { commandGroups, commandTable } from '#surfaces/cli/commands.ts'
import { programOf } from '#surfaces/cli/program.ts'
import { checked } from '#surfaces/cli/run-command-line.ts'

const commands = commandTable({ start: () => Promise.reject(new Error('nothing is started here')) })
const run = (words: readonly string[]) => runGatehouse(words, {})

describe.each(commands.map((command) => ({ command, name: command.name })))('gatehouse $name', ({ command, name }) => {
  const words = name.split(' ')

  test('explains itself, with examples that it understands', async () => {
    const { status, stdout, stderr } = await run([...words, '--help'])
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toContain(`Usage: gatehouse ${name} `)
    expect(stdout).toContain('\nExamples:\n')
    expect(command.examples.length).toBeGreaterThan(0)
    for (const example of command.examples) {
      const program = programOf(commands, commandGroups, { stdout: new PassThrough() }, async (understood, typed) => {
        expect(understood.name).toBe(name)
        checked(understood, typed)
      })
      await program.parseAsync(wordsOf(example), { from: 'user' })
    }
  })

  test('refuses nonsense with status 2, in JSON when it was asked for', async () => {
    const { status, stdout, stderr } = await run([...words, '--nonsense'])
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toContain("unknown option '--nonsense'")
    expect(stderr).toContain(`Usage: gatehouse ${name} `)
    const asJson = await run([...words, '--nonsense', '--json'])
    expect([asJson.status, asJson.stdout]).toEqual([2, ''])
    expect(JSON.parse(asJson.stderr)).toMatchObject({ code: 'wrong_usage', title: 'Wrong usage' })
  })

  test('names what it needs when it is given nothing', async () => {
    const required = Object.values(command.takes).filter(({ value }) => !value.safeParse(undefined).success)
    if (required.length === 0) return
    const { status, stdout, stderr } = await run(words)
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/is required|missing required argument/)
  })
})

test('docs/command-line.md has the help of each', async () => {
  const pages = [await run(['--help'])]
  for (const { name } of commands) pages.push(await run([...name.split(' '), '--help']))
  const titles = ['gatehouse', ...commands.map(({ name }) => `gatehouse ${name}`)]
  const sections = pages.map(({ stdout }, index) => `## ${titles[index]}\n\n\`\`\`text\n${stdout.trim()}\n\`\`\`\n`)
  const lead =
    '# The command line\n\nWhat `npx gatehouse … --help` prints. How it is run beside servers: [operations.md](operations.md#the-command-line).\n'
  await expect([lead, ...sections].join('\n')).toMatchFileSnapshot('../../../docs/command-line.md')
})

/** As a shell would split it, up to what is no part of the command. */
function wordsOf(example: string): string[] {
  const [typed = ''] = example.split(/ {2}#| [|<>] /)
  return [...typed.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, plain]) => double ?? single ?? plain ?? '',
  )
}
