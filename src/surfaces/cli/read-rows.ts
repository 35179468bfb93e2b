import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { CsvError, type InfoRecord, parse } from 'csv-parse'
import { columnProblem, type FileRow } from '#authentication/transfer/import-row.ts'
import { GatehouseError } from '#foundation/errors.ts'

/** In characters: far more than the longest name, address and hash take. */
const longestRow = 65_536

/**
 * The rows of a file, CSV with a line of column names or NDJSON, whichever it begins as; one after the other, so that its
 * size does not matter.
 * @throws GatehouseError validation_failed where its columns are not known, or it is not UTF-8: nothing of it is a row
 */
export async function* readRows(file: Readable): AsyncGenerator<FileRow> {
  const [beginning, text] = await peek(decoded(file))
  yield* beginning.trimStart().startsWith('{') ? readNdjson(text) : readCsv(text)
}

async function* decoded(file: Readable): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  try {
    for await (const chunk of file) yield decoder.decode(chunk as Buffer, { stream: true })
    yield decoder.decode()
  } catch (error) {
    if (error instanceof TypeError) throw refusal('The file is not UTF-8: convert it first (iconv -t utf-8).')
    throw error
  }
}

/** @returns the first piece that is not blank, and all of them */
async function peek(text: AsyncGenerator<string>): Promise<[string, AsyncGenerator<string>]> {
  let beginning = ''
  while (beginning.trim() === '') {
    const { value, done } = await text.next()
    if (done) break
    beginning += value
  }
  async function* whole() {
    yield beginning
    yield* text
  }
  return [beginning, whole()]
}

async function* readNdjson(text: AsyncGenerator<string>): AsyncGenerator<FileRow> {
  let number = 0
  for await (const line of linesOf(text)) {
    number++
    if (line.trim() !== '') yield { line: number, ...objectIn(line) }
  }
}

function objectIn(line: string): { columns: Record<string, unknown> } | { problem: string } {
  if (line.length > longestRow) return { problem: 'is too long' }
  try {
    const value: unknown = JSON.parse(line)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? { columns: value as Record<string, unknown> } : { problem: 'is no JSON object' }
  } catch {
    return { problem: 'is not JSON' }
  }
}

/** A line without end is given up, not gathered. */
async function* linesOf(text: AsyncGenerator<string>): AsyncGenerator<string> {
  let rest = ''
  for await (const piece of text) {
    const lines = (rest + piece).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
    if (rest.length > 2 * longestRow) rest = rest.slice(0, longestRow + 1)
  }
  if (rest !== '') yield rest
}

async function* readCsv(text: AsyncGenerator<string>): AsyncGenerator<FileRow> {
  const parser = parse({
    bom: true,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    trim: true,
    max_record_size: longestRow,
  })
  // What goes wrong with the file is thrown where its rows are read.
  const feeding = pipeline(text, parser).catch(() => undefined)
  let names: string[] | undefined
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: InfoRecord }>) {
      if (names) yield { line: info.lines, ...columnsOf(names, record) }
      else names = checkedNames(record)
    }
  } catch (error) {
    // What follows a quote that is never closed can't be told apart into rows.
    if (!(error instanceof CsvError)) throw error
    const { lines } = error as CsvError & { lines?: number }
    yield { line: lines ?? 0, problem: `is not CSV, nor is the rest of the file: ${error.message}` }
  } finally {
    parser.destroy()
    await feeding
  }
}

function columnsOf(names: readonly string[], record: readonly string[]) {
  if (record.length !== names.length) {
    return { problem: `has ${record.length} columns where the first line names ${names.length}` }
  }
  return { columns: Object.fromEntries(names.map((name, index) => [name, record[index]])) }
}

function checkedNames(names: string[]): string[] {
  const problem = columnProblem(names)
  if (problem !== undefined) throw refusal(`line 1: ${problem}. Nothing was imported.`)
  return names
}

function refusal(message: string): GatehouseError {
  return new GatehouseError('validation_failed', message)
}
