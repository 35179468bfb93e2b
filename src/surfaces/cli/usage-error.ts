/** What was typed is not how a command is used. */
export class UsageError extends Error {
  /** `gatehouse user create [options] <email>` */
  readonly usage: string | undefined

  constructor(message: string, usage?: string) {
    super(message)
    this.name = 'UsageError'
    this.usage = usage
  }
}
