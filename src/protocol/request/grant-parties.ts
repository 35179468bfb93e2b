import { Provider } from 'oidc-provider'
import { RequestState } from '#foundation/http/request-state.ts'

/** Who a grant is of and where, as the query that found the grant read them. */
export interface GrantParties {
  user: { id: string; name: string; email: string; emailVerifiedAt: Date | null }
  organization: { id: string; slug: string; name: string }
}

type Context = Parameters<RequestState<GrantParties>['get']>[0]

const parties = new RequestState<GrantParties>()

/** For the rest of this request: its claims tell of the same two, and need not look them up again. */
export function rememberParties(found: GrantParties): void {
  if (Provider.ctx) parties.set(Provider.ctx, found)
}

export function rememberedUser(ctx: Context, id: string): GrantParties['user'] | undefined {
  const user = parties.get(ctx)?.user
  return user?.id === id ? user : undefined
}

export function rememberedOrganization(ctx: Context, id: string): GrantParties['organization'] | undefined {
  const organization = parties.get(ctx)?.organization
  return organization?.id === id ? organization : undefined
}
