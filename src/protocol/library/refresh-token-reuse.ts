import { errors, Provider, type RefreshToken } from 'oidc-provider'
import { findKeptAnswer } from '#credentials/grants/kept-answers.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { currentExchange, foundAs } from '#protocol/request/token-exchange.ts'
import type { PatchParts } from './patch.ts'

/**
 * What a spent refresh token gets in its own client's hands: the kept answer when the request is the one that spent it,
 * repeated (token-request.ts sends it), else the end of the whole grant (RFC 9700 §4.14). Asked only once the token is
 * known to be spent, so that the ordinary request pays nothing for it.
 * @throws errors.InvalidGrant always
 */
async function answerReuse(db: Queryable, grantId: string | undefined): Promise<never> {
  const exchange = currentExchange()
  if (exchange && grantId) {
    const kept = exchange.requestHash && (await findKeptAnswer(db, exchange.requestHash))
    if (kept && foundAs(exchange.found.grant, grantId)?.is) exchange.keptAnswer = kept
    else exchange.endedGrants.push(grantId)
  }
  throw new errors.InvalidGrant('refresh token already used')
}

/**
 * The library looks at the scope before it looks whether the token is spent, so a thief who tried a spent token with a
 * scope that was never granted would end nothing: reuse is noticed as soon as the token is found.
 */
export function installReuseDetection(provider: Provider, { db }: PatchParts): void {
  const library = provider.RefreshToken as unknown as { find: FindRefreshToken }
  const find = library.find.bind(library)
  library.find = async (presented, options) => {
    const token = await find(presented, options)
    const { route, client } = Provider.ctx?.oidc ?? {}
    if (token?.consumed && route === 'token' && client?.clientId === token.clientId) {
      await answerReuse(db(), token.grantId)
    }
    return token
  }
}

type FindRefreshToken = (
  presented: string,
  options?: { ignoreExpiration?: boolean },
) => Promise<RefreshToken | undefined>
