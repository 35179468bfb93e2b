import type Koa from 'koa'

const twoYearsSeconds = 63_072_000

/**
 * Puts the policy on every answer: pages run no inline script or style, may not be framed, submit nowhere else, and
 * are not cached unless the handler says otherwise.
 */
export function securityHeaders({ issuer }: { issuer: string }): Koa.Middleware {
  const fixed: Record<string, string> = {
    ...headersOfEveryAnswer(issuer),
    'Content-Security-Policy': contentSecurityPolicy(),
    'X-Frame-Options': 'DENY',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Permissions-Policy': 'camera=(), geolocation=(), microphone=(), payment=()',
  }
  return (ctx, next) => {
    ctx.set(fixed)
    return next()
  }
}

/** For the answers in front of Koa, as the flat list that node:http passes on without a look at each. */
export function directHeaders(issuer: string): string[] {
  return Object.entries(headersOfEveryAnswer(issuer)).flat()
}

/** What no answer lacks, be it a page or a refusal of what is no HTTP. */
function headersOfEveryAnswer(issuer: string): Record<string, string> {
  return {
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'X-Permitted-Cross-Domain-Policies': 'none',
    'Cache-Control': 'no-store',
    ...(issuer.startsWith('https:') && {
      'Strict-Transport-Security': `max-age=${twoYearsSeconds}; includeSubDomains`,
    }),
  }
}

/**
 * @param formTargets where a form's answer may redirect to besides ourselves: browsers hold the redirects after a POST
 *   to `form-action`
 */
export function contentSecurityPolicy(formTargets: readonly string[] = []): string {
  return [
    "default-src 'none'",
    "style-src 'self'",
    "font-src 'self'",
    "img-src 'self' https: data:",
    // The library adds the hash of its own auto-submitting form to this directive.
    "script-src 'self'",
    "connect-src 'self'",
    `form-action ${["'self'", ...new Set(formTargets)].join(' ')}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ')
}

/** Widens `form-action` of an answer that is already made. */
export function allowFormTargets(ctx: Koa.Context, formTargets: readonly string[]): void {
  const policy = ctx.response.get('Content-Security-Policy')
  if (!policy || formTargets.length === 0) return
  const widened = policy.replace(/form-action [^;]*/, (directive) =>
    [...new Set([...directive.split(' '), ...formTargets])].join(' '),
  )
  ctx.set('Content-Security-Policy', widened)
}
