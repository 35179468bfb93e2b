import { sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'
import { type FieldProblem, GatehouseError } from '#foundation/errors.ts'
import { canonicalGrants, type Grants, isInCatalogue } from './grants.ts'

/**
 * What is about to be granted, in its one spelling. The permissions stay in the catalogue until the transaction ends: who
 * removes one from it meanwhile waits, and then finds it granted.
 * @throws GatehouseError validation_failed naming each permission that the catalogue has not
 */
export async function requireGrantable(tx: Queryable, grants: Grants): Promise<Grants> {
  const catalogue = await holdPermissions(tx, grants.permissions)
  const fields = grants.permissions.flatMap((granted, index): FieldProblem[] => {
    const message = `the catalogue has no permission ${granted}`
    return isInCatalogue(catalogue, granted) ? [] : [{ path: `permissions.${index}`, message }]
  })
  if (fields.length === 0) return canonicalGrants(grants)
  const named = fields.map(({ message }) => message).join('; ')
  throw new GatehouseError('validation_failed', `Some fields are not valid: ${named}.`, { fields })
}

/** Those of the catalogue that are granted by name or by the wildcard of their resource. */
async function holdPermissions(tx: Queryable, granted: readonly string[]): Promise<Set<string>> {
  const resources = granted.filter((one) => one.endsWith(':*')).map((one) => one.slice(0, -1))
  const { rows } = await sql<{ name: string }>`
    select name from permissions
    where name = any(${granted}::text[])
      or exists (select from unnest(${resources}::text[]) as resource where starts_with(name, resource))
    order by name for key share`.execute(tx)
  return new Set(rows.map(({ name }) => name))
}
