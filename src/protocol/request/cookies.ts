import { hostCookie } from '#foundation/http/host-cookie.ts'

/**
 * All have `Path=/`, as `__Host-` demands, while the library tells interactions apart by the cookie's path:
 * `library/interaction-cookies.ts` puts the interaction's uid into the name instead.
 */
export function cookieNames(issuer: string) {
  return {
    session: hostCookie(issuer, 'gatehouse-session'),
    interaction: hostCookie(issuer, 'gatehouse-interaction'),
    resume: hostCookie(issuer, 'gatehouse-resume'),
  }
}

/** Of every cookie that the library sets. */
export const cookieOptions = { signed: true, httpOnly: true, sameSite: 'lax', path: '/' } as const
