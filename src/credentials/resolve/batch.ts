/**
 * Gathers requests into batches that form by themselves: the next one leaves when the last returns, so an idle server
 * answers at once and a busy one asks the database once for many. No timer, no dependence on the tick. Where a round
 * trip is slow (a replicated commit) several may be under way.
 */
export class Batch<Input, Output> {
  readonly #run: (inputs: Input[]) => Promise<(Output | Promise<Output>)[]>
  #waiting: { input: Input; resolve: (output: Output | Promise<Output>) => void; reject: (error: unknown) => void }[] =
    []
  #underWay = 0
  #scheduled = false
  #roundTripMs = 0

  /** @param run answers each input, in order; with a promise what takes longer than the others of its batch */
  constructor(run: (inputs: Input[]) => Promise<(Output | Promise<Output>)[]>) {
    this.#run = run
  }

  add(input: Input): Promise<Output> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ input, resolve, reject })
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#scheduled || this.#underWay >= this.#mostUnderWay) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#leave()
    })
  }

  async #leave(): Promise<void> {
    const batch = this.#waiting.splice(0, mostInBatch)
    if (batch.length === 0) return
    this.#underWay++
    const started = performance.now()
    try {
      const outputs = await this.#run(batch.map((entry) => entry.input))
      for (const [index, entry] of batch.entries()) entry.resolve(outputs[index] as Output | Promise<Output>)
    } catch (error) {
      for (const entry of batch) entry.reject(error)
    } finally {
      this.#underWay--
      this.#roundTripMs = 0.8 * this.#roundTripMs + 0.2 * (performance.now() - started)
      if (this.#waiting.length > 0) this.#schedule()
    }
  }

  get #mostUnderWay(): number {
    return this.#roundTripMs > slowRoundTripMs ? 2 : 1
  }
}

const mostInBatch = 1_000
const slowRoundTripMs = 1
