/** Statements with more values are one of many shapes (a list of rows, say) and not worth keeping. */
const mostValues = 40
const mostStatements = 400

/**
 * Names for the statements that a database plans once for each connection and then only executes: planning costs several
 * times what an indexed look-up does.
 */
export class PreparedStatements {
  #names = new Map<string, string>()
  #generation = 0

  /** The name of a statement; undefined for one that is not to be prepared. */
  nameOf(text: string, values: readonly unknown[]): string | undefined {
    if (values.length === 0 || values.length > mostValues || values.some(Array.isArray)) return undefined
    const known = this.#names.get(text)
    if (known || this.#names.size >= mostStatements) return known
    const name = `gatehouse_${this.#generation}_${this.#names.size}`
    this.#names.set(text, name)
    return name
  }

  /** A newer node has altered a table: what was planned before returns other columns now. */
  forget(): void {
    this.#names = new Map()
    this.#generation++
  }
}
