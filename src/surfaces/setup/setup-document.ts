import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml'
import { type Path, SetupError, type SetupProblem } from '#authentication/setup/setup-error.ts'

/** YAML as plain values, and where each of them is written. */
export interface SetupDocument {
  values: unknown
  /** The position of what stands at `path`, or of the nearest thing around it that the file has. */
  problemAt(path: Path, message: string): SetupProblem
  /** The same, pointing at the key instead of its value. */
  problemAtKey(path: Path, message: string): SetupProblem
}

/** Aliases may not be unfolded into more than this many values: a few lines could otherwise fill the memory. */
const mostAliases = 200

/**
 * The parser's own messages quote the file, and it is a password that starts with `*` or `!` which breaks YAML most
 * easily; so these say it without.
 */
const messages: Record<string, string> = {
  ALIAS_PROPS: 'an alias takes neither anchor nor tag',
  BAD_ALIAS: 'is not a usable alias; quote a value that starts with *',
  BAD_DQ_ESCAPE: 'an unknown escape in double quotes; write \\\\ or use single quotes',
  BAD_INDENT: 'the indentation does not fit, or a bracket is not closed',
  BAD_SCALAR_START: 'quote a value that starts with @, ` or another sign of YAML',
  BLOCK_AS_IMPLICIT_KEY:
    'a list or mapping stands where a key was expected; check the indentation, quote a value with a colon',
  DUPLICATE_KEY: 'this key is there twice',
  MISSING_CHAR: 'something that was opened is not closed, or a colon or comma is missing',
  MULTILINE_IMPLICIT_KEY: 'a key stretches over lines; is a colon missing?',
  MULTIPLE_DOCS: 'the file holds a second document (---)',
  NON_STRING_KEY: 'a key must be plain text',
  RESOURCE_EXHAUSTION: 'is nested too deeply',
  TAB_AS_INDENT: 'indent with spaces instead of tabs',
  TAG_RESOLVE_FAILED: 'is not a known tag; quote a value that starts with !',
}

/** @throws SetupError when the text is not YAML */
export function parseSetupDocument(text: string, file: string): SetupDocument {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter, prettyErrors: false, stringKeys: true })
  const problemAtOffset = (offset: number, path: Path, message: string): SetupProblem => {
    const { line, col } = lineCounter.linePos(offset)
    return { file, line, column: col, path: describePath(path), message }
  }
  const broken = [...document.errors, ...document.warnings].map((error) =>
    problemAtOffset(error.pos[0], [], messages[error.code] ?? 'is not YAML'),
  )
  for (const alias of danglingAliases(document)) {
    broken.push(problemAtOffset(startOf(alias), [], 'there is no such anchor; quote a value that starts with *'))
  }
  if (broken.length > 0) throw new SetupError(broken)
  return {
    values:
      unfold(document, () => problemAtOffset(0, [], `unfolds aliases into more than ${mostAliases} values`)) ?? {},
    problemAt: (path, message) => problemAtOffset(find(document, path).value, path, message),
    problemAtKey: (path, message) => problemAtOffset(find(document, path).key, path, message),
  }
}

/** `['organizations', 0, 'teams']` → `organizations[0].teams` */
export function describePath(path: Path): string {
  return path
    .map((part) => {
      if (typeof part === 'number') return `[${part}]`
      return /^[\w:.*-]+$/.test(String(part)) ? `.${String(part)}` : `[${JSON.stringify(String(part))}]`
    })
    .join('')
    .replace(/^\./, '')
}

function unfold(document: Document, problem: () => SetupProblem): unknown {
  try {
    return document.toJS({ maxAliasCount: mostAliases })
  } catch (error) {
    if (error instanceof ReferenceError) throw new SetupError([problem()])
    throw error
  }
}

function danglingAliases(document: Document): Node[] {
  const anchors = new Set<string>()
  const dangling: Node[] = []
  visit(document, {
    Node(_key, node) {
      if (isAlias(node) && !anchors.has(node.source)) dangling.push(node)
      else if (!isAlias(node) && node.anchor) anchors.add(node.anchor)
    },
  })
  return dangling
}

/** Offsets of the value at `path` and of its key; of the innermost thing around it where the path ends earlier. */
function find(document: Document, path: Path): { value: number; key: number } {
  let node: Node | null | undefined = document.contents
  let found = { value: startOf(node), key: startOf(node) }
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document)
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part))
      if (!pair) return found
      const key = startOf(pair.key as Node)
      node = pair.value as Node | null
      found = { value: node ? startOf(node) : key, key }
    } else if (isSeq(node)) {
      const item = node.items[Number(part)] as Node | undefined
      if (!item) return found
      node = item
      found = { value: startOf(item), key: startOf(item) }
    } else return found
  }
  return found
}

function startOf(node: Node | null | undefined): number {
  return node?.range?.[0] ?? 0
}
