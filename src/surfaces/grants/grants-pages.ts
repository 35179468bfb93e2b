import type { Queryable } from '#foundation/database/database.ts'
import type { Route } from '#foundation/http/router.ts'
import type { SignedInPages } from '#surfaces/page-kit/signed-in-pages.ts'
import { postGrants, showGrants } from './edit-grants.ts'
import { grantsPath, holders } from './grant-holder.ts'
import { showMatrix } from './grants-matrix.ts'
import { showWhy } from './why-page.ts'

/** Who may do and see what in the organization: one page for all, one for each team, member and service account. */
export function grantsPages({ pages, db }: { pages: SignedInPages; db: Queryable }): Route[] {
  const { page } = pages.with({ db })
  return [
    ['GET', grantsPath, page(showMatrix)],
    ...Object.entries(holders).flatMap(([path, find]): Route[] => {
      const ofHolder = pages.with({ db, find })
      const at = `${grantsPath}/${path}`
      return [
        ['GET', at, ofHolder.page(showGrants)],
        ['POST', at, ofHolder.form(postGrants, { returnTo: grantsPath })],
        ...(path.startsWith('teams/') ? [] : [['GET', `${at}/why`, ofHolder.page(showWhy)] satisfies Route]),
      ]
    }),
  ]
}
