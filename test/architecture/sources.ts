import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../', import.meta.url))

export interface Import {
  /** Relative to the repository, or the name of a package. */
  target: string
  /** Gone when the program runs. */
  typeOnly: boolean
}

export interface Source {
  file: string
  /** Without comments. */
  text: string
  comments: string
  imports: Import[]
}

const { imports: aliases } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  imports: Record<string, string>
}

const comment = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm

/** Every file of the product. */
export const sources: Source[] = ['src', 'adapters'].flatMap(readSources)

function readSources(folder: string): Source[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => {
      const file = join(folder, name)
      const whole = readFileSync(join(root, file), 'utf8')
      const text = withoutComments(whole)
      return { file, text, comments: commentsOf(whole), imports: importsOf(file, text) }
    })
}

function withoutComments(text: string): string {
  return text.replace(comment, '')
}

function commentsOf(text: string): string {
  return (text.match(comment) ?? []).join('\n')
}

function importsOf(file: string, text: string): Import[] {
  const statements = [...text.matchAll(/^(?:import|export)\s+(type\s)?([^'"]*?from\s+)?['"]([^'"]+)['"]/gm)]
  const dynamic = [...text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)]
  return [
    ...statements.map(([, type, names = '', specifier = '']) => ({
      target: locate(file, specifier),
      typeOnly: type !== undefined || onlyTypes(names),
    })),
    ...dynamic.map(([, specifier = '']) => ({ target: locate(file, specifier), typeOnly: false })),
  ]
}

/** `{ type A, type B }` */
function onlyTypes(names: string): boolean {
  const list = /^\{([^}]*)\}\s*from\s+$/.exec(names)?.[1]
  const entries = list?.split(',').filter((name) => name.trim() !== '') ?? []
  return entries.length > 0 && entries.every((name) => /^\s*type\s/.test(name))
}

function locate(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return relative(root, resolve(root, dirname(file), specifier))
  const alias = Object.keys(aliases).find((name) => specifier.startsWith(name.slice(0, -1)))
  if (!alias) return specifier
  return join(aliases[alias]!.replace('*', specifier.slice(alias.length - 1)))
}

export function isIn(file: string, place: string): boolean {
  return file === place || file.startsWith(`${place}/`)
}
