import type { PostgresPool } from 'kysely'

/** pg's pool, or the embedded database behind the same few methods. */
export interface SqlPool extends PostgresPool {
  query(query: { name?: string; text: string; values?: unknown[]; rowMode?: 'array' }): Promise<{ rows: unknown[] }>
}
