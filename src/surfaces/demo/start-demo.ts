import { hash } from 'node:crypto'
import { listActiveOrganizations } from '#directory/organizations/organization-queries.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Route } from '#foundation/http/router.ts'
import type { Csrf } from '#surfaces/page-kit/csrf.ts'
import type { Render } from '#surfaces/page-kit/render.ts'
import { type DemoAccount, loadDemo } from '#surfaces/setup/demo.ts'
import { demoPages } from './demo-pages.ts'

/** That the start page names. */
const mostOrganizations = 20

/**
 * The demo data, and the relying party that shows it. The secrets of its clients are derived from the encryption keys,
 * so that a restarted server knows them although the database holds only their hashes.
 */
export async function startDemo({
  db,
  issuer,
  render,
  csrf,
  encryption,
}: {
  db: Queryable
  issuer: string
  render: Render
  csrf: Csrf
  encryption: Encryption
}): Promise<{ routes: Route[]; accounts: DemoAccount[] }> {
  const [key] = encryption.derivedKeys('demo')
  const secretFor = (clientId: string) => hash('sha256', `${key} ${clientId}`, 'base64url')
  const accounts = await loadDemo(db, { issuer, secretFor, encryption })
  const organizations = await listActiveOrganizations(db, mostOrganizations)
  const routes = demoPages({
    issuer,
    render,
    csrf,
    people: accounts,
    organizations,
    resourceServer: { clientId: 'inventory-api', clientSecret: secretFor('inventory-api') },
    jwtResource: 'https://reports.example',
  })
  return { routes, accounts }
}
