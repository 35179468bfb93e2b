import type Koa from 'koa'
import { type Issue, issueTogether, issueTokens } from '#credentials/issued/issue-tokens.ts'
import { Batch } from '#credentials/resolve/batch.ts'
import { revokeGrant } from '#credentials/revocation/revocation.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import { secondsFromNow } from '#foundation/database/clock.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { RequestTransaction } from '#foundation/database/request-transaction.ts'
import { claimOnce } from '#foundation/database/single-use.ts'
import type { SqlPool } from '#foundation/database/sql-pool.ts'
import { StoreAwayError } from '#foundation/errors.ts'
import type { Form } from '#foundation/http/read-form.ts'
import type { TokenExchange } from '#protocol/request/token-exchange.ts'
import { logTokenRequest, useOfTokenRequest } from './log-token-use.ts'

/**
 * Does what a token request has noted, all of it or nothing.
 * @param answered.together whether it may share a statement with others, which waits for nobody
 * @returns false when something that it was to spend or hang on is spent or gone: nothing was done
 */
export type SettleExchange = (
  exchange: TokenExchange,
  answered: { ctx: Koa.Context; form: Form; together: boolean },
) => Promise<boolean>

/** @param parts.pool whose plans find rows by keys */
export function exchangeSettler({
  requestTransaction,
  pool,
  encryption,
}: {
  requestTransaction: RequestTransaction
  pool: SqlPool
  encryption: Encryption
}): SettleExchange {
  const batch = new Batch<Issue, boolean>(async (issues) => {
    try {
      return await issueTogether(pool, issues)
    } catch (error) {
      if (issues.length === 1 || error instanceof StoreAwayError) throw error
      // One of them cannot be written, whichever: the others can.
      return issues.map(async (issue) => (await issueTogether(pool, [issue]))[0]!)
    }
  })

  return async (exchange, { ctx, form, together }) => {
    const issue = ctx.status === 200 && !exchange.keptAnswer ? issueOf(exchange, ctx, encryption) : undefined
    const use = issue && useOfTokenRequest(ctx, form, exchange)
    if (together && issue && use && exchange.assertions.length === 0) return batch.add({ ...issue, use })
    return allOrNothing(requestTransaction, async (tx) => {
      for (const { name, expiresAt } of exchange.assertions) require(await claimOnce(tx, name, expiresAt))
      if (issue) require(await issueTokens(tx, issue))
      else await spendCode(tx, exchange)
      for (const grantId of exchange.endedGrants) await revokeGrant(tx, grantId)
      await logTokenRequest(tx, ctx, form, exchange)
    })
  }
}

/** A code is spent by what the library refuses after it; a refresh token, for which nothing was given, is kept. */
async function spendCode(tx: Queryable, { singleUse }: TokenExchange): Promise<void> {
  if (singleUse) require(await claimOnce(tx, singleUse.name, secondsFromNow(singleUse.keptSeconds)))
}

class NotDone extends Error {}

function require(done: boolean): void {
  if (!done) throw new NotDone()
}

async function allOrNothing({ run }: RequestTransaction, work: (tx: Queryable) => Promise<void>): Promise<boolean> {
  try {
    await run(work)
    return true
  } catch (error) {
    if (error instanceof NotDone) return false
    throw error
  }
}

function issueOf(
  { holder, tokens, refreshTokenHash, singleUse, requestHash }: TokenExchange,
  ctx: Koa.Context,
  encryption: Encryption,
): Issue | undefined {
  const [first, second] = tokens
  if (!holder || !first) return undefined
  return {
    ...holder,
    tokens: [first, second],
    refreshTokenHash,
    singleUse,
    kept: requestHash && { requestHash, answer: encryption.encrypt(answerOf(ctx)) },
  }
}

/** Without these a browser app could not read the repeat of an answer that it could read (CORS). */
const keptHeaders = ['Vary', 'Access-Control-Allow-Origin', 'Access-Control-Expose-Headers']

function answerOf(ctx: Koa.Context): string {
  const headers = keptHeaders.map((name) => [name, ctx.response.get(name)]).filter(([, value]) => value)
  return JSON.stringify({ headers: Object.fromEntries(headers), body: ctx.body })
}
