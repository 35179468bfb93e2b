import { hashInTurn, requireHashingRoom } from './hashing.ts'

/** In code points: what people count as characters, whatever their script. */
export const passwordLength = { min: 8, max: 128 } as const

/** Whether it is longer than any password of ours: it is not even hashed. */
export function isTooLong(password: string): boolean {
  // No code point has more than two units, so what is much too long is not taken apart.
  return password.length > 2 * passwordLength.max || [...password].length > passwordLength.max
}

/** @returns a PHC string. @throws GatehouseError temporarily_unavailable when too many hashes are waiting */
export async function hashPassword(password: string): Promise<string> {
  requireHashingRoom()
  return newHashInTurn(password)
}

/**
 * Verifies against a hash, or against a dummy when there is none, so that an unknown user takes as long as a known one.
 * @throws GatehouseError temporarily_unavailable when too many hashes are waiting
 */
export async function verifyPassword(passwordHash: string | null | undefined, password: string): Promise<boolean> {
  requireHashingRoom()
  return (await timedVerification(passwordHash, password)).matches
}

/** The same whether there is room or not, with the time at which it had its turn, by `performance.now()`. */
export async function timedVerification(
  passwordHash: string | null | undefined,
  password: string,
): Promise<{ matches: boolean; startedAt: number }> {
  const { result, startedAt } = await hashInTurn({ password, hash: passwordHash ?? (await hashOfNobody()) })
  return { matches: result === true && passwordHash != null, startedAt }
}

/** How long it takes to find that a password does not belong to a hash: the quicker of two tries. */
export async function secondsToRefuse(passwordHash: string): Promise<number> {
  const once = async () => {
    const { startedAt } = await hashInTurn({ password: 'any password', hash: passwordHash })
    return (performance.now() - startedAt) / 1000
  }
  return Math.min(await once(), await once())
}

/** A hash of ours that no password belongs to: what an unknown address is compared with. */
export function hashOfNobody(): Promise<string> {
  dummyHash ??= newHashInTurn('no such user')
  return dummyHash
}

let dummyHash: Promise<string> | undefined

async function newHashInTurn(password: string): Promise<string> {
  return (await hashInTurn({ password })).result as string
}
