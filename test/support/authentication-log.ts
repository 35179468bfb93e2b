import { type Answer, call } from './api-requests.ts'
import type { Gatehouse } from './gatehouse.ts'
import type { SignedIn } from './keys.ts'

export interface Entry {
  id: string
  occurred_at: string
  outcome: string
  reason: string | null
  credential: { id: string | null; kind: string; name: string | null }
  via: string
  user: { id: string; email: string } | null
  organization: { id: string; slug: string; name: string } | null
  resource_server: string | null
  ip: string | null
  user_agent: string | null
  method: string | null
  path: string | null
  count: number
}

export function askLog(
  gatehouse: Gatehouse,
  by: SignedIn,
  query = '',
  { accept, port }: { accept?: string; port?: number } = {},
): Promise<Answer> {
  const headers = { ...by.headers, ...(accept && { accept }) }
  return call(gatehouse, `/v1/authentication-log${query}`, { headers, ...(port && { port }) })
}

/** Every page of a list, from the newest on. */
export async function readLog(gatehouse: Gatehouse, by: SignedIn, query: Record<string, string> = {}) {
  const entries: Entry[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const parameters: URLSearchParams = new URLSearchParams({ ...query, ...(cursor && { cursor }) })
    const { status, text, json } = await askLog(gatehouse, by, `?${parameters}`)
    if (status !== 200) throw new Error(`${status} ${text}`)
    entries.push(...(json.items as Entry[]))
    cursor = json.next_cursor as string | null
  }
  return entries
}

/** What is in the log besides the reading of it. */
export function withoutReading(entries: Entry[]): Entry[] {
  return entries.filter(({ path }) => path !== '/v1/authentication-log')
}

/** The cells of RFC 4180. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  for (const [, quoted, plain = '', end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    row.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    if (end === '\r\n') {
      rows.push(row)
      row = []
    }
  }
  return rows
}

export async function idOf({ database }: Gatehouse, email: string): Promise<string> {
  const { id } = await database.db.selectFrom('users').select('id').where('email', '=', email).executeTakeFirstOrThrow()
  return id
}

export async function organizationIdOf({ database }: Gatehouse, slug: string): Promise<string> {
  const row = database.db.selectFrom('organizations').select('id').where('slug', '=', slug)
  return (await row.executeTakeFirstOrThrow()).id
}
