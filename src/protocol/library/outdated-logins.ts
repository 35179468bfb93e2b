import { type Interaction, Provider } from 'oidc-provider'
import { beginSession } from '#credentials/sessions/sessions.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import { addressOf } from '#foundation/http/request-state.ts'
import type { PatchParts } from './patch.ts'

/** What tells one password from the next one: the moment when it was set, as the result of a login carries it. */
export function passwordVersion({ passwordChangedAt }: Pick<User, 'passwordChangedAt'>): string | null {
  return passwordChangedAt?.toISOString() ?? null
}

const resumes = new Set(['resume', 'device_resume'])

interface Login {
  accountId: string
  passwordVersion: string | null
}

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
    const login = interaction && loginThatBegins(interaction)
    if (login && !(await begin(db(), login))) delete interaction.result
    return interaction
  }
}

/** Undefined where the library will not begin a session: for another browser, or before it has ended another person's. */
function loginThatBegins({ result, session: origin }: Interaction): Login | undefined {
  const { route, session } = Provider.ctx?.oidc ?? {}
  const login = result?.login as Login | undefined
  if (!login || !session || !resumes.has(route ?? '')) return undefined
  if (origin?.uid && origin.uid !== session.uid) return undefined
  return session.accountId && session.accountId !== login.accountId ? undefined : login
}

function begin(db: Queryable, { accountId, passwordVersion }: Login): Promise<boolean> {
  const ctx = Provider.ctx!
  return beginSession(db, {
    uid: ctx.oidc.session!.uid,
    userId: accountId,
    passwordVersion,
    ip: addressOf(ctx),
    userAgent: ctx.get('user-agent'),
  })
}

type FindInteraction = (id: string) => Promise<Interaction | undefined>
