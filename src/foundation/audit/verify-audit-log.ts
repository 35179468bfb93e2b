import { type RawBuilder, sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'

/** What was looked at of one organization, or (null) of the deployment. */
export interface VerifiedChain {
  organizationId: string | null
  /** How many entries there are. */
  entries: number
  /** The number of the first entry that retention has left; 1: none was cut. */
  from: number
  /** The number and hash at which the chain ends, to be noted elsewhere: nobody can write another past behind them. */
  head: { number: number; hash: string }
  /** The first entry that does not fit; absent where all do. */
  problem?: ChainProblem
}

export interface ChainProblem {
  kind: 'changed' | 'missing' | 'missing_at_end' | 'not_linked' | 'head_changed'
  /** Its number in the chain. */
  number: number
  /** Of the entry in whose place the problem shows; null where there is none. */
  entryId: number | null
  /** In words for the operator. */
  message: string
}

/**
 * Proves of every chain that no entry was edited, taken out or put elsewhere since it was written, at the end neither, as far
 * as that shows inside the database: who may write all of it could compute everything anew, but for the heads that were
 * noted elsewhere. What retention has cut is missing only where an entry of the chain itself says so. All is seen at one
 * moment, however long it takes; changes go on meanwhile.
 */
export function verifyAuditLog(db: Queryable): Promise<VerifiedChain[]> {
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (tx) => {
      const chains: VerifiedChain[] = []
      for (const chain of await listChains(tx)) chains.push(await verifyChain(tx, chain))
      return chains
    })
}

/** Those that have entries, and those that should. */
async function listChains(tx: Queryable): Promise<string[]> {
  const { rows } = await sql<{ chain: string }>`
    select chain from audit_heads union select coalesce(organization_id, '') from audit_log
    order by chain`.execute(tx)
  return rows.map(({ chain }) => chain)
}

interface Walked {
  entries: number
  lastNumber: number | null
  lastHash: string | null
  /** The first entry whose number or hash is not what follows from the entry before it. */
  id: number | null
  number: number | null
  expected: number | null
  unlinked: number | null
}

async function verifyChain(tx: Queryable, chain: string): Promise<VerifiedChain> {
  const [head, start] = [await findHead(tx, chain), await findStart(tx, chain)]
  const walked = await walk(tx, chain, start)
  const problem = problemOf(walked, head, start)
  return {
    organizationId: chain || null,
    entries: walked.entries,
    from: start.number,
    head: head ?? { number: 0, hash: '' },
    ...(problem && { problem }),
  }
}

function problemOf(
  walked: Walked,
  head: VerifiedChain['head'] | undefined,
  start: ChainStart,
): ChainProblem | undefined {
  const { id, number, expected } = walked
  if (number !== null && expected !== null) {
    if (number > expected) {
      const gone = number - expected === 1 ? `entry ${expected} is` : `entries ${expected} to ${number - 1} are`
      return { kind: 'missing', number: expected, entryId: id, message: `${gone} missing, before entry ${number}` }
    }
    const message = `entry ${number} is not what was written there, or does not follow the one before it`
    return { kind: 'changed', number, entryId: id, message }
  }
  const last = walked.lastNumber ?? start.number - 1
  if (walked.unlinked !== null) {
    const message = 'an entry was written past the chain'
    return { kind: 'not_linked', number: last + 1, entryId: walked.unlinked, message }
  }
  if (!head) return { kind: 'head_changed', number: last, entryId: null, message: 'the note of where it ends is gone' }
  if (head.number > last) {
    const gone = head.number - last === 1 ? `entry ${head.number} is` : `entries ${last + 1} to ${head.number} are`
    return { kind: 'missing_at_end', number: last + 1, entryId: null, message: `${gone} missing, at the end` }
  }
  if (head.number === last && head.hash === (walked.lastHash ?? start.previousHash)) return undefined
  const message = `the chain ends with entry ${last}, and not as its note says (entry ${head.number})`
  return { kind: 'head_changed', number: Math.min(last, head.number) + 1, entryId: null, message }
}

/** Every entry in the order of the numbers, each against the one before it. */
async function walk(tx: Queryable, chain: string, start: ChainStart): Promise<Walked> {
  const { rows } = await sql<Walked>`
    with walked as (
      select a.id, seq, a.hash = audit_entry_hash(
          coalesce(lag(a.hash) over chain, decode(${start.previousHash}, 'hex')), a) as fits,
        coalesce(lag(seq) over chain + 1, ${start.number}::bigint) as expected, a.hash
      from audit_log a where ${isOf(chain)} and seq is not null
      window chain as (order by seq)),
    misfit as (select * from walked where fits is not true or seq <> expected order by seq limit 1),
    last as (select seq, hash from walked order by seq desc limit 1)
    select (select count(*) from walked) as entries,
      (select seq from last) as "lastNumber", (select encode(hash, 'hex') from last) as "lastHash",
      (select id from misfit) as id, (select seq from misfit) as number, (select expected from misfit) as expected,
      (select min(id) from audit_log where ${isOf(chain)} and seq is null) as unlinked`.execute(tx)
  return rows[0]!
}

async function findHead(tx: Queryable, chain: string): Promise<VerifiedChain['head'] | undefined> {
  const { rows } = await sql<{ number: number; hash: string }>`
    select seq as number, encode(hash, 'hex') as hash from audit_heads where chain = ${chain}`.execute(tx)
  return rows[0]
}

/** Where a chain begins, and what stood before. */
interface ChainStart {
  number: number
  /** Hexadecimal; empty before the first entry of all. */
  previousHash: string
}

export const cutAction = 'audit_log.cut'

/** The start, unless a cut is in the chain: that entry cannot be changed without breaking it. */
async function findStart(tx: Queryable, chain: string): Promise<ChainStart> {
  const { rows } = await sql<{ after: { first_entry: number; previous_hash: string } }>`
    select after from audit_log where ${isOf(chain)} and action = ${cutAction} order by seq desc limit 1`.execute(tx)
  const [cut] = rows
  return cut
    ? { number: Number(cut.after.first_entry), previousHash: cut.after.previous_hash }
    : { number: 1, previousHash: '' }
}

/** As the index has it. */
export function isOf(chain: string): RawBuilder<boolean> {
  return sql<boolean>`coalesce(organization_id, '') = ${chain}`
}
