/** The clients that Gatehouse and the bare library both have. */
export const clients = {
  es256: { clientId: 'console', algorithm: 'ES256' },
  rs256: { clientId: 'console-rs256', algorithm: 'RS256' },
} as const

export type Algorithm = keyof typeof clients

export const resourceServer = { clientId: 'inventory-api', clientSecret: 'bench-secret-0123456789' }
export const serviceAccount = { clientId: 'nightly-export', clientSecret: 'bench-secret-0123456789' }

export const redirectUri = 'http://localhost:8080/callback'
export const scope = 'openid email'

/** What everybody signs in with. */
export const password = 'correct horse battery staple'
