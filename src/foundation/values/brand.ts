/** Whom a page speaks for: an organization's look, else Gatehouse's own. */
export interface Brand {
  name: string
  logoUrl?: string | undefined
  /** `#rrggbb` */
  accentColor?: string | undefined
}
