import { hash } from 'node:crypto'
import type Koa from 'koa'
import { sql } from 'kysely'
import type { Encryption } from '../crypto/encryption.ts'
import { sha256 } from '../crypto/sha256.ts'
import type { Queryable } from '../database/database.ts'
import type { RequestDatabase } from '../database/request-transaction.ts'
import { type Form, parseForm, readBody } from '../http/read-form.ts'

const repeatSeconds = 10

/**
 * Around `/oauth/token`: one request is one transaction, in which the spending, the new tokens and the answer kept for a
 * repeat commit together before the answer leaves. So a node that dies anywhere in between has either done nothing or
 * can be asked again, and nobody is signed out by it.
 *
 * The identical refresh request within 10 s (a retry, a proxy's replay, a double click) gets the identical answer; any
 * other use of a spent token reaches the library, which revokes the whole grant. Refusals commit too: that revocation
 * must not be undone. Only a server error rolls back.
 */
export function tokenRequest({ database, encryption }: { database: RequestDatabase; encryption: Encryption }) {
  const middleware: Koa.Middleware = async (ctx, next) => {
    const body = await readBody(ctx.req)
    Object.assign(ctx.req, { body })
    const refreshToken = parseFormLeniently(body).refresh_token
    try {
      await database.inTransaction(async (tx) => {
        if (!refreshToken) {
          await next()
        } else {
          const request = requestHash(ctx, body)
          await lockGrantOf(tx, refreshToken)
          const kept = await findKeptAnswer(tx, request)
          if (kept) return repeat(ctx, encryption.decrypt(kept))
          await next()
          if (ctx.status === 200) await keepAnswer(tx, request, encryption.encrypt(answerOf(ctx)))
        }
        if (ctx.status >= 500) throw new RolledBack()
      })
    } catch (error) {
      if (!(error instanceof RolledBack)) throw error
    }
  }
  return middleware
}

class RolledBack extends Error {}

/** Whatever is wrong with the form is for the library to say; a token given twice is no refresh request of ours. */
function parseFormLeniently(body: string): Form {
  try {
    return parseForm(body)
  } catch {
    return {}
  }
}

/** Who asks and for what, byte for byte: the client's authentication is part of it. */
function requestHash(ctx: Koa.Context, body: string): Buffer {
  return hash('sha256', `${ctx.headers.authorization ?? ''}\n${ctx.headers.origin ?? ''}\n${body}`, 'buffer')
}

/** Token requests on one grant go one after the other, and none beside its revocation. */
async function lockGrantOf(tx: Queryable, refreshToken: string): Promise<void> {
  await sql`select 1 from oauth_grants g join credentials c on c.grant_id = g.id
    where c.hash = ${sha256(refreshToken)} for update of g`.execute(tx)
}

async function findKeptAnswer(tx: Queryable, requestHash: Buffer): Promise<Buffer | undefined> {
  const row = await tx
    .selectFrom('tokenAnswers')
    .select('answer')
    .where('requestHash', '=', requestHash)
    .where('expiresAt', '>', new Date())
    .executeTakeFirst()
  return row?.answer
}

async function keepAnswer(tx: Queryable, requestHash: Buffer, answer: Buffer): Promise<void> {
  const expiresAt = new Date(Date.now() + repeatSeconds * 1000)
  await tx
    .insertInto('tokenAnswers')
    .values({ requestHash, answer, expiresAt })
    .onConflict((conflict) => conflict.column('requestHash').doUpdateSet({ answer, expiresAt }))
    .execute()
}

/** Without these a browser app could not read the repeat of an answer that it could read (CORS). */
const keptHeaders = ['Vary', 'Access-Control-Allow-Origin', 'Access-Control-Expose-Headers']

function answerOf(ctx: Koa.Context): string {
  const headers = keptHeaders.map((name) => [name, ctx.response.get(name)]).filter(([, value]) => value)
  return JSON.stringify({ headers: Object.fromEntries(headers), body: ctx.body })
}

function repeat(ctx: Koa.Context, answer: string): void {
  const { headers, body } = JSON.parse(answer)
  ctx.set({ ...headers, 'Cache-Control': 'no-store' })
  ctx.body = body
}
