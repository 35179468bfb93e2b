import { sql } from 'kysely'
import type { Adapter } from 'oidc-provider'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { fromJsonb, toJsonb } from '#foundation/database/jsonb.ts'
import { lock } from '#foundation/database/locks.ts'
import { type ProtocolStateRecord, type ProtocolStateStore, protocolStateAdapter, spentMark } from './protocol-state.ts'

/**
 * Keeps protocol state in the table `protocol_state`, of PostgreSQL or of the embedded database.
 * @param options.db the current request's transaction, or the database. A transaction has to be committed when the
 *   request is answered with an OAuth error: the second use of a code revokes its grant and is then refused
 * @param options.route see `protocolStateAdapter`
 */
export function postgresProtocolState(options: {
  db: () => Queryable
  route?: () => string | undefined
}): (model: string) => Adapter {
  return (model) => protocolStateAdapter(model, postgresStore(model, options.db), options)
}

/** A removed record stays, empty, until it would have expired, so that it can't be written again. */
const emptied = { payload: '{}', uid: null, userCodeHash: null }
const isLive = sql<boolean>`protocol_state.payload <> '{}'::jsonb`

/** SQL: the payload of a live record as text, for `fromJsonb`; planned to look it up by its key (`is true`), whatever there is. @param model SQL @param idHash SQL, bytea */
export function statePayload(model: string, idHash: string): string {
  return `select payload::text from protocol_state
    where model = ${model} and id_hash = ${idHash} and (payload <> '{}'::jsonb and expires_at > now()) is true`
}

function postgresStore(model: string, db: () => Queryable): ProtocolStateStore {
  const live = () =>
    db()
      .selectFrom('protocolState')
      .select(['idHash', sql<string>`payload::text`.as('payload')])
      .where('model', '=', model)
      .where(isLive)
      .where('expiresAt', '>', sql<Date>`now()`)

  return {
    write: (idHash, record, keepSeconds) =>
      record.uid === undefined
        ? writeRecord(db(), rowOf(model, idHash, record, keepSeconds))
        : writeSession(db(), { ...rowOf(model, idHash, record, keepSeconds), uid: record.uid }),

    async read(idHash) {
      const row = await live()
        .where('idHash', '=', Buffer.from(idHash, 'hex'))
        .select((row) =>
          row
            .exists(row.selectFrom('singleUses').select('singleUses.hash').where('hash', '=', spentMark(model, idHash)))
            .as('consumed'),
        )
        .executeTakeFirst()
      const state = stateOf(row)
      return row?.consumed && state ? { ...state, payload: { ...state.payload, consumed: true } } : state
    },

    readByUid: async (uid) => stateOf(await live().where('uid', '=', uid).executeTakeFirst()),

    readByUserCode: async (hash) =>
      stateOf(await live().where('userCodeHash', '=', Buffer.from(hash, 'hex')).executeTakeFirst()),

    async remove(idHash) {
      await db()
        .updateTable('protocolState')
        .set(emptied)
        .where('model', '=', model)
        .where('idHash', '=', Buffer.from(idHash, 'hex'))
        .execute()
    },
  }
}

function rowOf(model: string, idHash: string, { payload, userCodeHash }: ProtocolStateRecord, keepSeconds: number) {
  return {
    model,
    idHash: Buffer.from(idHash, 'hex'),
    uid: null as string | null,
    userCodeHash: userCodeHash === undefined ? null : Buffer.from(userCodeHash, 'hex'),
    payload: toJsonb(payload),
    expiresAt: sql<Date>`now() + ${keepSeconds} * interval '1 second'`,
  }
}

type Row = ReturnType<typeof rowOf>

async function writeRecord(db: Queryable, row: Row): Promise<void> {
  await db
    .insertInto('protocolState')
    .values(row)
    // Leaves user_code_hash alone: a device code that is saved again comes without its user code.
    .onConflict((conflict) =>
      conflict
        .columns(['model', 'idHash'])
        .doUpdateSet({ payload: row.payload, expiresAt: row.expiresAt })
        .where(isLive),
    )
    .execute()
}

/**
 * A session changes its id at sign-in and keeps its uid. One uid is one record: where two requests of one browser both
 * moved it on, signing out would end the one and leave the other.
 */
async function writeSession(db: Queryable, row: Row & { uid: string }): Promise<void> {
  if (await updateSession(db, row)) return
  if (db.isTransaction) await insertSession(db, row)
  else await inTransaction(db, (tx) => insertSession(tx, row))
}

async function updateSession(db: Queryable, { model, idHash, payload, expiresAt }: Row): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('protocolState')
    .set({ payload, expiresAt })
    .where('model', '=', model)
    .where('idHash', '=', idHash)
    .where(isLive)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

async function insertSession(tx: Queryable, row: Row & { uid: string }): Promise<void> {
  await lock(tx, 'session', row.uid)
  const removedBefore = await tx
    .selectFrom('protocolState')
    .select('model')
    .where('model', '=', row.model)
    .where('idHash', '=', row.idHash)
    .executeTakeFirst()
  if (removedBefore) return
  await tx.updateTable('protocolState').set(emptied).where('model', '=', row.model).where('uid', '=', row.uid).execute()
  await tx.insertInto('protocolState').values(row).execute()
}

function stateOf(row: { idHash: Buffer; payload: string } | undefined) {
  return row && { idHash: row.idHash.toString('hex'), payload: fromJsonb(row.payload) }
}
