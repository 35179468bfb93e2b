import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { availableStores, type Deployment, deploy, type Stores } from '../oidc/wire.ts'
import {
  accountOf,
  allowed,
  answerOf,
  claimsOf,
  connect,
  countUsers,
  isAtRelyingParty,
  newBrowser,
  signInThrough,
} from './federation.ts'
import { type IdentityProvider, startIdentityProvider } from './identity-provider.ts'

describe.each(availableStores())('signing in through a connection on $name', (store: Stores) => {
  let deployment: Deployment
  let gatehouse: Deployment['gatehouse']
  let okta: IdentityProvider
  const bob = { sub: 'bob-1', name: 'Bob', email: 'bob@acme.test', email_verified: true }

  beforeAll(async () => {
    okta = await startIdentityProvider()
    deployment = await deploy(store, { config: allowed(okta) })
    gatehouse = deployment.gatehouse
    await connect(gatehouse, {
      name: 'acme-okta',
      organization: 'acme',
      issuer: okta.issuer,
      displayName: 'Okta',
      defaultTeams: ['readers'],
    })
  })
  beforeEach(() => {
    okta.lies = {}
    okta.person = bob
  })
  afterAll(async () => {
    await deployment.stop()
    await okta.stop()
  })

  test('the first sign-in makes the account, and ends where the person was going', async () => {
    // S0-04, S0-05, S0-06
    const flow = await signInThrough(gatehouse, 'acme-okta', { parameters: { organization: 'acme' } })
    const claims = await claimsOf(flow)
    expect(claims).toMatchObject({ org_slug: 'acme' })
    const account = await accountOf(gatehouse, 'bob@acme.test')
    expect(account?.user).toMatchObject({ id: claims.sub, name: 'Bob', superadmin: false, passwordHash: null })
    expect(account?.user.emailVerifiedAt).not.toBeNull()
    expect(account?.teams).toMatchObject([{ slug: 'acme', admin: false, name: 'readers' }])
  })
})
