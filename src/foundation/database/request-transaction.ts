import { AsyncLocalStorage } from 'node:async_hooks'
import type { Queryable } from './database.ts'

/**
 * The database as a request sees it: its own transaction while one is open, else the plain connection. oidc-provider's
 * adapters are called from inside the library, so the transaction cannot be an argument to them.
 */
export interface RequestDatabase {
  current(): Queryable
  /** Runs `work` in one transaction that every adapter call inside it joins. Rolls back when `work` throws. */
  inTransaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>
}

export function requestDatabase(db: Queryable): RequestDatabase {
  const transactions = new AsyncLocalStorage<Queryable>()
  return {
    current: () => transactions.getStore() ?? db,
    inTransaction: (work) => db.transaction().execute((tx) => transactions.run(tx, () => work(tx))),
  }
}
