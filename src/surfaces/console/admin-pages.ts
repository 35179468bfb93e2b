import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'

/** The door of an organization's settings. */
export function adminPages(): Route[] {
  return [['GET', '/admin', (ctx) => seeOther(ctx, '/admin/api-keys')]]
}
