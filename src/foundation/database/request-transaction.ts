import { AsyncLocalStorage } from 'node:async_hooks'
import type { Queryable } from './database.ts'

/**
 * The transaction that a request runs in, when it runs in one. oidc-provider's adapters are called from inside the
 * library, so it cannot be an argument to them: they ask for it here.
 */
export interface RequestTransaction {
  /** The transaction of the request that asks; outside of one, the plain connection. */
  db(): Queryable
  /** Runs `work` in one transaction that every adapter call inside it joins. Rolls back when `work` throws. */
  run<T>(work: (tx: Queryable) => Promise<T>): Promise<T>
}

export function requestTransactions(db: Queryable): RequestTransaction {
  const transactions = new AsyncLocalStorage<Queryable>()
  return {
    db: () => transactions.getStore() ?? db,
    run: (work) => db.transaction().execute((tx) => transactions.run(tx, () => work(tx))),
  }
}
