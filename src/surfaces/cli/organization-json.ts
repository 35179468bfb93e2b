import type { Organization } from '#foundation/database/schema.ts'

/** An organization as commands print it. */
export function organizationJson({ id, slug, name, suspendedAt, createdAt }: Organization) {
  return { id, slug, name, active: suspendedAt === null, created_at: createdAt.toISOString() }
}
