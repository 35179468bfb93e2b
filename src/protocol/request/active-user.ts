import { findActiveUser } from '#directory/users/user-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import { RequestState } from '#foundation/http/request-state.ts'

type Context = Parameters<RequestState<unknown>['get']>[0]

const found = new RequestState<Map<string, Promise<User | undefined>>>()

/** An active user by id, looked up once for a request: the account, the organization and the policy ask for the same. */
export function activeUserOf(ctx: Context, db: () => Queryable, id: string): Promise<User | undefined> {
  const users = found.get(ctx) ?? new Map<string, Promise<User | undefined>>()
  const user = users.get(id) ?? findActiveUser(db(), id)
  found.set(ctx, users.set(id, user))
  return user
}
