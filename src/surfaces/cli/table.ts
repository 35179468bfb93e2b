/** Rows of text as columns of equal width, without a head; what is missing is `-`. */
export function table(rows: readonly (readonly (string | null | undefined)[])[]): string[] {
  const cells = rows.map((row) => row.map((cell) => cell || '-'))
  const widths = cells[0]?.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0))) ?? []
  return cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
