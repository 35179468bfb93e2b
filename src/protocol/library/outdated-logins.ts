import { type Interaction, Provider } from 'oidc-provider'
import { findActiveUser } from '#directory/users/user-queries.ts'
import type { User } from '#foundation/database/schema.ts'
import type { PatchParts } from './patch.ts'

/** What tells one password from the next one: the moment when it was set, as the result of a login carries it. */
export function passwordVersion({ passwordChangedAt }: Pick<User, 'passwordChangedAt'>): string | null {
  return passwordChangedAt?.toISOString() ?? null
}

const resumes = new Set(['resume', 'device_resume'])

/**
 * A login is proven on one page and becomes a session by the redirect that follows. A browser may sit between the two
 * for an hour: if the password has changed meanwhile, which ends every session, this one must not begin. Its login is
 * dropped, so the library asks for another.
 */
export function installOutdatedLogins(provider: Provider, { db }: PatchParts): void {
  const library = provider.Interaction as unknown as { find: FindInteraction }
  const find = library.find.bind(library)
  library.find = async (id) => {
    const interaction = await find(id)
    const login = interaction?.result?.login as { accountId: string; passwordVersion?: string | null } | undefined
    if (!interaction || !login || !resumes.has(Provider.ctx?.oidc?.route ?? '')) return interaction
    const user = await findActiveUser(db(), login.accountId)
    if (!user || passwordVersion(user) !== login.passwordVersion) delete interaction.result
    return interaction
  }
}

type FindInteraction = (id: string) => Promise<Interaction | undefined>
