/**
 * A memory of limited size, whose every use costs one look-up or two: when it is full, what was not used since it was full
 * the last time is forgotten.
 */
export class Recent<Key, Value> {
  readonly #most: number
  #young = new Map<Key, Value>()
  #old = new Map<Key, Value>()

  /** @param most remembered at once */
  constructor(most: number) {
    this.#most = Math.ceil(most / 2)
  }

  get(key: Key): Value | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: Key, value: Value): void {
    if (this.#young.size >= this.#most) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }
}
