/** How a log leaves as a file: each form writes page after page of entries. */
export interface LogExportForm<Entry> {
  mediaType: string
  extension: string
  /** What people call it. */
  label: string
  /** What stands before the first entry. */
  head: string
  line(entry: Entry): string
}

export type Column<Entry> = readonly [name: string, value: (entry: Entry) => string | null | undefined]

/** RFC 4180. */
export function csvForm<Entry>(columns: readonly Column<Entry>[]): LogExportForm<Entry> {
  return {
    mediaType: 'text/csv',
    extension: 'csv',
    label: 'CSV',
    head: `${columns.map(([name]) => name).join(',')}\r\n`,
    line: (entry) => `${columns.map(([, value]) => csvField(value(entry) ?? '')).join(',')}\r\n`,
  }
}

/** One JSON object a line, the same as in the list. */
export const ndjson: LogExportForm<unknown> = {
  mediaType: 'application/x-ndjson',
  extension: 'ndjson',
  label: 'JSON lines',
  head: '',
  line: (entry) => `${JSON.stringify(entry)}\n`,
}

/** The text of an export, a page at a time. */
export async function* exportText<Entry>(
  form: LogExportForm<Entry>,
  pages: AsyncIterable<Entry[]>,
): AsyncGenerator<string> {
  if (form.head) yield form.head
  for await (const entries of pages) yield entries.map(form.line).join('')
}

/** The two forms of a log, for the `downloads` of its route. @param read the pages of what a request asks for */
export function logDownloads<Request, Entry>(
  name: string,
  csv: LogExportForm<Entry>,
  read: (request: Request) => Promise<AsyncIterable<Entry[]>>,
) {
  const download = (form: LogExportForm<Entry>, description: string) => ({
    description,
    filename: `${name}.${form.extension}`,
    stream: async (request: Request) => exportText(form, await read(request)),
  })
  return {
    [csv.mediaType]: download(
      csv,
      'A line for each entry (RFC 4180); what a spreadsheet would run begins with an apostrophe',
    ),
    [ndjson.mediaType]: download(ndjson, 'An entry on each line, as in `items`'),
  }
}

/**
 * A client chooses its user agent, and a spreadsheet would run what begins like a formula, full-width signs included: an
 * apostrophe in front makes it text.
 */
function csvField(value: string): string {
  const inert = /^\s*[=+\-@\t\r＝＋－＠]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert
}
