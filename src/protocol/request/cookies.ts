/**
 * `__Host-` binds a cookie to this very host over https: a neighbouring subdomain can neither read nor plant it. It
 * demands `Path=/`, while the library tells interactions apart by the cookie's path: `library/interaction-cookies.ts`
 * puts the interaction's uid into the name instead.
 */
export function cookieNames(issuer: string) {
  const prefix = issuer.startsWith('https:') ? '__Host-' : ''
  return {
    session: `${prefix}gatehouse-session`,
    interaction: `${prefix}gatehouse-interaction`,
    resume: `${prefix}gatehouse-resume`,
  }
}

/** Of every cookie that the library sets. */
export const cookieOptions = { signed: true, httpOnly: true, sameSite: 'lax', path: '/' } as const
