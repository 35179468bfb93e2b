import { type Answer, type Call, call, newTokens } from './api-requests.ts'
import type { Gatehouse } from './gatehouse.ts'

/** A person with an access token for one organization. */
export interface SignedIn {
  headers: Record<string, string>
  token: string
}

/** `ada@acme.test` in an organization, or whoever is named. */
export async function signInTo(gatehouse: Gatehouse, organization: string, email = 'ada@acme.test'): Promise<SignedIn> {
  const { access } = await newTokens(gatehouse, { email, organization })
  return { headers: { authorization: `Bearer ${access}` }, token: access }
}

export interface Created {
  id: string
  key: string
  json: Record<string, unknown>
}

let names = 0

export function askForKey(
  gatehouse: Gatehouse,
  by: SignedIn,
  fields: Record<string, unknown> = {},
  more: Call = {},
): Promise<Answer> {
  const json = { name: `key ${++names}`, expires_in_days: 30, ...fields }
  return call(gatehouse, '/v1/api-keys', { ...more, json, headers: by.headers })
}

export async function createKey(
  gatehouse: Gatehouse,
  by: SignedIn,
  fields: Record<string, unknown> = {},
): Promise<Created> {
  const { status, text, json } = await askForKey(gatehouse, by, fields)
  if (status !== 201) throw new Error(`${status} ${text}`)
  return { id: String(json.id), key: String(json.key), json }
}

/** `GET` without a body, anything else as it says: `act(gatehouse, ada, 'POST', id, '/revoke')`. */
export function act(
  gatehouse: Gatehouse,
  by: SignedIn,
  method: string,
  id: string,
  rest = '',
  more: Call = {},
): Promise<Answer> {
  return call(gatehouse, `/v1/api-keys/${id}${rest}`, { ...more, method, headers: by.headers })
}

export async function isLive(gatehouse: Gatehouse, key: string): Promise<boolean> {
  const { status, text, json } = await gatehouse.introspect(key)
  if (status !== 200 || (!json.active && text !== '{"active":false}')) throw new Error(`${status} ${text}`)
  return json.active === true
}

/** Every way of presenting a credential, and what the log calls it. */
export const waysToPresent: [
  via: string,
  headers: (key: string) => Record<string, string>,
  query: (key: string) => string,
][] = [
  ['bearer', (key) => ({ authorization: `Bearer ${key}` }), () => ''],
  ['authorization', (key) => ({ authorization: key }), () => ''],
  ['x-api-key', (key) => ({ 'x-api-key': key }), () => ''],
  ['apikey-header', (key) => ({ apikey: key }), () => ''],
  ['query', () => ({}), (key) => `?ApiKey=${key}`],
]

/** Moves the expiry of a key, and its making as far, into the past. */
export async function letExpire({ database }: Gatehouse, id: string): Promise<void> {
  await database.db
    .updateTable('credentials')
    .set({ expiresAt: new Date(Date.now() - 1000), issuedAt: new Date(Date.now() - 86_400_000) })
    .where('id', '=', id)
    .execute()
}

export async function deleteAllKeys({ database }: Gatehouse): Promise<void> {
  await database.db.deleteFrom('credentials').where('kind', '=', 'api_key').execute()
}
