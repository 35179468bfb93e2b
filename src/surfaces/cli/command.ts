import { z } from 'zod'
import type { Terminal } from './terminal.ts'

/*
 * How a command is declared: its name, what it takes and what it does. `commands.ts` lists all of them; what is told of
 * one (help, mistakes) is made of its declaration.
 */

/** One thing that a command takes. The text that was typed is checked, and made into a `T`, by `value`. */
export interface Parameter<T = unknown> {
  as: 'operand' | 'option' | 'flag'
  /** Stands for the value in help: `file`. */
  shown: string
  about: string
  value: z.ZodType<T>
  /** Whether it may be given several times: `value` is of an array then. */
  many: boolean
  short?: string
}

type Parameters = Record<string, Parameter>

/** What a command was given, under the names of its parameters; an option is typed in kebab-case. */
export type Given<P extends Parameters> = { [Name in keyof P]: P[Name] extends Parameter<infer T> ? T : never }

/** What a command tells at its end. */
export interface Answer {
  /** The document of `--json`. */
  json: unknown
  /** For people. */
  lines: readonly string[]
  /** What people read on stderr beside it. */
  note?: string
  /** It was looked at and is not as it should be: exit status 1. */
  refused?: boolean
}

export interface Command<P extends Parameters = Parameters> {
  /** `apply`, `user create` */
  name: string
  /** Half a line, for lists. */
  summary: string
  /** What else is to be known before it is used. */
  about?: string
  takes: P
  /** Each as it is typed, behind `gatehouse `. */
  examples: readonly string[]
  /** @returns nothing where it has printed all there is to tell */
  run(given: Given<P>, terminal: Terminal): Promise<Answer | undefined>
}

export function command<P extends Parameters>(declared: Command<P>): Command {
  return declared as unknown as Command
}

const text: z.ZodType<string> = z.string().min(1, 'must not be empty')

/** What stands behind the command; required unless `value` takes undefined. */
export function operand(shown: string, about: string): Parameter<string>
export function operand<T>(shown: string, about: string, value: z.ZodType<T>): Parameter<T>
export function operand(shown: string, about: string, value: z.ZodType = text): Parameter {
  return { as: 'operand', shown, about, value, many: false }
}

/** One or more of them. */
export function operands(shown: string, about: string): Parameter<string[]> {
  return { as: 'operand', shown, about, value: z.array(text).min(1), many: true }
}

/** `--name <shown>`; required unless `value` takes undefined. */
export function option<T>(shown: string, about: string, value: z.ZodType<T>, short?: string): Parameter<T> {
  return { as: 'option', shown, about, value, many: false, ...(short && { short }) }
}

/** `--name <shown>`, as often as one likes; without it, an empty list. */
export function options<T>(shown: string, about: string, value: z.ZodType<T>): Parameter<T[]> {
  return { as: 'option', shown, about, value: z.array(value).default([]), many: true }
}

/** `--name` */
export function flag(about: string, short?: string): Parameter<boolean> {
  return { as: 'flag', shown: '', about, value: z.boolean().default(false), many: false, ...(short && { short }) }
}

/** Text that may be left out. */
export const optionalText = text.optional()
