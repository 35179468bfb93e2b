import type { LogEntry } from './log-entry.ts'

/** How a log leaves as a file: each form writes page after page of entries. */
export interface LogExportForm {
  mediaType: string
  extension: string
  /** What people call it. */
  label: string
  /** What stands before the first entry. */
  head: string
  line(entry: LogEntry): string
}

const columns: [name: string, value: (entry: LogEntry) => string | null | undefined][] = [
  ['id', ({ id }) => id],
  ['occurred_at', ({ occurred_at }) => occurred_at],
  ['outcome', ({ outcome }) => outcome],
  ['reason', ({ reason }) => reason],
  ['credential_id', ({ credential }) => credential.id],
  ['credential_kind', ({ credential }) => credential.kind],
  ['credential_name', ({ credential }) => credential.name],
  ['via', ({ via }) => via],
  ['user_id', ({ user }) => user?.id],
  ['user_email', ({ user }) => user?.email],
  ['organization', ({ organization }) => organization?.slug],
  ['resource_server', ({ resource_server }) => resource_server],
  ['ip', ({ ip }) => ip],
  ['user_agent', ({ user_agent }) => user_agent],
  ['method', ({ method }) => method],
  ['path', ({ path }) => path],
  ['count', ({ count }) => String(count)],
]

/** RFC 4180. */
export const csv: LogExportForm = {
  mediaType: 'text/csv',
  extension: 'csv',
  label: 'CSV',
  head: `${columns.map(([name]) => name).join(',')}\r\n`,
  line: (entry) => `${columns.map(([, value]) => csvField(value(entry) ?? '')).join(',')}\r\n`,
}

/** One JSON object a line, the same as in the list. */
export const ndjson: LogExportForm = {
  mediaType: 'application/x-ndjson',
  extension: 'ndjson',
  label: 'JSON lines',
  head: '',
  line: (entry) => `${JSON.stringify(entry)}\n`,
}

/** The text of an export, a page at a time. */
export async function* exportText(form: LogExportForm, pages: AsyncIterable<LogEntry[]>): AsyncGenerator<string> {
  if (form.head) yield form.head
  for await (const entries of pages) yield entries.map(form.line).join('')
}

/**
 * A client chooses its user agent, and a spreadsheet would run what begins like a formula, full-width signs included: an
 * apostrophe in front makes it text.
 */
function csvField(value: string): string {
  const inert = /^\s*[=+\-@\t\r＝＋－＠]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert
}
