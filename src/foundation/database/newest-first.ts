import { type RawBuilder, sql } from 'kysely'

/**
 * Whether a row comes after a position in a list that is newest first. Rows are told apart by their microseconds, so the list
 * selects its positions with `cursorTime`.
 * @param columns when a row was made, and its id: `['u.createdAt', 'u.id']`
 */
export function isBeyond(
  { at, id }: { at: Date | string; id: string },
  [createdAt, idColumn]: [createdAt: string, idColumn: string],
): RawBuilder<boolean> {
  return sql<boolean>`(${sql.ref(createdAt)}, ${sql.ref(idColumn)}) < (${at}::timestamptz, ${id})`
}
