/**
 * The name of a cookie of ours. `__Host-` binds it to this very host over https (RFC 6265bis §4.1.3.2): a neighbouring
 * subdomain can neither read nor plant it. It demands `Path=/` and no `Domain`.
 */
export function hostCookie(issuer: string, name: string): string {
  return issuer.startsWith('https:') ? `__Host-${name}` : name
}
