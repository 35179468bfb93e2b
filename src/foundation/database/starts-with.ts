import { type RawBuilder, sql } from 'kysely'
import { isStorable } from './database.ts'

/**
 * Whether one of these columns begins with a text, in any case. Indexes of `lower(column) text_pattern_ops` carry it.
 * @param columns as SQL names them, `u.email`
 */
export function startsWith(text: string, columns: readonly string[]): RawBuilder<boolean> {
  // PostgreSQL takes no NUL, not even to compare with.
  if (!isStorable(text)) return sql<boolean>`false`
  const pattern = `${text.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`
  return sql<boolean>`(${sql.join(
    columns.map((column) => sql`lower(${sql.ref(column)}) like ${pattern}`),
    sql` or `,
  )})`
}
