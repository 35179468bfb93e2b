/** Rows in one statement: far below the 65,535 parameters that PostgreSQL takes. */
const batchSize = 1_000

/** Hands on the rows in pieces, one after the other. */
export async function inBatches<T>(
  rows: readonly T[],
  write: (batch: T[]) => Promise<unknown>,
  size = batchSize,
): Promise<void> {
  for (let start = 0; start < rows.length; start += size) await write(rows.slice(start, start + size))
}
