import { type Adapter, type AdapterPayload, errors, Provider } from 'oidc-provider'
import { revokeGrant } from '#credentials/revocation/revocation.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import { secondsFromNow } from '#foundation/database/clock.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { claimOnce } from '#foundation/database/single-use.ts'
import { currentExchange, foundAs, stateName } from '#protocol/request/token-exchange.ts'

/**
 * The short-lived models of oidc-provider. Their ids are bearer values (a session cookie, a code), so no store ever
 * sees one: it gets the SHA-256, and a payload in which no id is left.
 */
export type ProtocolStateModel = keyof typeof rules

/** What a store of protocol state does; `idHash` is hex. The rules around it are the same for every store. */
export interface ProtocolStateStore {
  /** Writes a record, or does nothing when it was removed: a request that began before a sign-out revives nothing. */
  write(idHash: string, record: ProtocolStateRecord, keepSeconds: number): Promise<void>
  read(idHash: string): Promise<StoredState | undefined>
  readByUid(uid: string): Promise<StoredState | undefined>
  readByUserCode(userCodeHash: string): Promise<StoredState | undefined>
  /** Empties a record, whose id can't be written again until it would have expired. */
  remove(idHash: string): Promise<void>
}

export interface ProtocolStateRecord {
  payload: AdapterPayload
  /** Sessions only. */
  uid: string | undefined
  /** Device codes only, hex; undefined leaves the index as it is. */
  userCodeHash: string | undefined
}

export interface StoredState {
  idHash: string
  payload: AdapterPayload
}

interface ModelRules {
  /** Thrown at the second use; a model without it is not spent. */
  alreadyConsumed?: () => Error
  /** A second use means that the code leaked: what it gave dies with it (RFC 9700 §2.1.1, RFC 6749 §4.1.2). */
  secondUseRevokesGrant?: boolean
  /** The one route on which the id comes out of our own Interaction record, and never out of the request. */
  handleRoute?: string
  /** Looked at although expired: to say `expired_token`, or when a person took longer to sign in than it lives. */
  keptPastExpirySeconds?: number
}

const hour = 3600

const rules = {
  Session: {},
  Interaction: {},
  AuthorizationCode: {
    alreadyConsumed: () => new errors.InvalidGrant('authorization code already consumed'),
    secondUseRevokesGrant: true,
  },
  PushedAuthorizationRequest: {
    alreadyConsumed: () => new errors.InvalidRequestUri('request_uri is invalid, expired, or was already used'),
    handleRoute: 'resume',
    keptPastExpirySeconds: hour,
  },
  DeviceCode: {
    alreadyConsumed: () => new errors.InvalidGrant('device code already consumed'),
    secondUseRevokesGrant: true,
    handleRoute: 'device_resume',
    keptPastExpirySeconds: hour,
  },
} satisfies Record<string, ModelRules>

/** A spent mark outlives the record that it is about (at most an hour, and one past its expiry), whatever the clocks. */
const longestLifeOfSpendable = hour
const spentMarkSeconds = 4 * hour

/**
 * oidc-provider's adapter for one model over one store: what may be stored, under which key, and what may happen once.
 * @param db the current request's transaction, or the database: spending commits together with what it bought, also
 *   when the record itself is in Redis, whose failover would un-spend a code
 * @param route the provider's route that is being served
 */
export function protocolStateAdapter(
  modelName: string,
  store: ProtocolStateStore,
  { db, route = () => Provider.ctx?.oidc?.route }: { db: () => Queryable; route?: () => string | undefined },
): Adapter {
  if (!(modelName in rules)) throw new Error(`${modelName} is no protocol state`)
  const model = modelName as ProtocolStateModel
  const { alreadyConsumed, secondUseRevokesGrant, handleRoute, keptPastExpirySeconds = 0 }: ModelRules = rules[model]

  /** A handle names a record without opening it: a reader of a database dump can't present it. */
  function mayOpen(id: string): boolean {
    return !isHandle(id) || (handleRoute !== undefined && route() === handleRoute)
  }

  return {
    async upsert(id, payload, expiresIn) {
      if (expiresIn === undefined) throw new Error(`${model} has no lifetime`)
      if (alreadyConsumed && expiresIn > longestLifeOfSpendable) {
        throw new Error(`${model} must not live longer than an hour: marks of what is spent are not kept for ever`)
      }
      if (model === 'DeviceCode') await claimUserCode(db(), hashOf(id), payload)
      const record = {
        payload: withoutSecrets(model, id, payload),
        uid: model === 'Session' ? payload.uid : undefined,
        userCodeHash: payload.userCode === undefined ? undefined : sha256(payload.userCode).toString('hex'),
      }
      await store.write(hashOf(id), record, Math.max(1, expiresIn) + keptPastExpirySeconds)
    },

    async find(id) {
      if (!mayOpen(id)) return undefined
      const known = foundAs(currentExchange()?.found.code, stateName(model, hashOf(id)))
      if (known) return known.is && withSecrets(model, id, { ...known.is.payload, consumed: known.is.consumed })
      const found = await store.read(hashOf(id))
      // The library takes a lost pushed request for none at all: its single use would go unchecked.
      if (!found && isHandle(id) && model === 'PushedAuthorizationRequest') throw alreadyConsumed!()
      return found && withSecrets(model, id, found.payload)
    },

    async findByUid(uid) {
      const found = await store.readByUid(uid)
      return found && withSecrets(model, handleOf(found.idHash), found.payload)
    },

    async findByUserCode(userCode) {
      const found = await store.readByUserCode(sha256(userCode).toString('hex'))
      return found && { ...withSecrets(model, handleOf(found.idHash), found.payload), userCode }
    },

    async consume(id) {
      if (!alreadyConsumed) throw new Error(`${model} cannot be consumed`)
      const exchange = currentExchange()
      if (exchange) {
        exchange.singleUse = { name: spentName(model, hashOf(id)), keptSeconds: spentMarkSeconds }
        return
      }
      if (await spend(db(), model, hashOf(id))) return
      const { grantId } = (secondUseRevokesGrant && (await store.read(hashOf(id)))?.payload) || {}
      if (grantId) await revokeGrant(db(), grantId)
      throw alreadyConsumed()
    },

    destroy: (id) => store.remove(hashOf(id)),

    // Codes find out by themselves: redeeming one looks its grant up, and a revoked grant is not found.
    revokeByGrantId: async () => {},
  }
}

/** The key in `single_uses` under which a record is marked as spent. */
export function spentMark(model: string, idHash: string): Buffer {
  return sha256(spentName(model, idHash))
}

/** @returns false for all but the first, on every node */
function spend(db: Queryable, kind: string, idHash: string): Promise<boolean> {
  return claimOnce(db, spentName(kind, idHash), secondsFromNow(spentMarkSeconds))
}

function spentName(kind: string, idHash: string): string {
  return `${kind}:${idHash}`
}

/**
 * The library reads a device code, sees that it is not taken up yet, and saves it as `inFlight` (or as refused): two
 * people who enter one user code at the same moment would both go on, and either could approve the other's device.
 * So the first step away from pending is taken once.
 */
async function claimUserCode(db: Queryable, idHash: string, payload: AdapterPayload): Promise<void> {
  const claims = payload.inFlight && !payload.accountId && !payload.error
  const refuses = payload.error && !payload.inFlight
  if (!claims && !refuses) return
  if (!(await spend(db, 'DeviceCode user code', idHash))) {
    throw new errors.InvalidRequest('the code has been used')
  }
}

const handlePrefix = 'sha256:'

function isHandle(id: string): boolean {
  return id.startsWith(handlePrefix)
}

function handleOf(idHash: string): string {
  return handlePrefix + idHash
}

/** Of an id, or the one that a handle carries. */
function hashOf(id: string): string {
  return isHandle(id) ? id.slice(handlePrefix.length) : sha256(id).toString('hex')
}

/** An Interaction's own id is the last part of `returnTo`. */
const idPlaceholder = '{id}'

function withoutSecrets(model: ProtocolStateModel, id: string, payload: AdapterPayload): AdapterPayload {
  // `consumed` is known from `single_uses` alone.
  const { jti: _jti, userCode: _userCode, consumed: _consumed, ...stored } = payload
  if (model !== 'Interaction') return stored
  const { session, parJti, deviceCode, returnTo } = stored
  return {
    ...stored,
    ...(session && { session: withoutCookie(session) }),
    ...(parJti && { parJti: handleOf(hashOf(parJti)) }),
    ...(deviceCode && { deviceCode: handleOf(hashOf(deviceCode)) }),
    ...(returnTo && { returnTo: returnTo.replaceAll(id, idPlaceholder) }),
  }
}

/** `session.cookie` is the id of the session; the library never reads it. */
function withoutCookie(session: NonNullable<AdapterPayload['session']>): AdapterPayload['session'] {
  const { cookie: _cookie, ...rest } = session
  return rest as AdapterPayload['session']
}

function withSecrets(model: ProtocolStateModel, id: string, payload: AdapterPayload): AdapterPayload {
  const { returnTo } = payload
  const own = model === 'Interaction' && returnTo ? { returnTo: returnTo.replaceAll(idPlaceholder, id) } : {}
  return { ...payload, ...own, jti: id }
}
