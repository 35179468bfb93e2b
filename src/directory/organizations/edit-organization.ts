import { type Administrator, refuseApiKey, requireAdminOf, requireSuperadmin } from '#directory/users/actor.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { Organization } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { changedFields } from '#foundation/values/changed-fields.ts'
import { claimName } from './organization-names.ts'
import { holdOrganization } from './organization-queries.ts'
import { type OrganizationEdit, updateOrganization } from './save-organization.ts'

/** Which organization is managed, and by whom. */
export interface OrganizationManagement {
  organization: Pick<Organization, 'id'>
  actor: Administrator
}

/**
 * Changes what is given of an organization. Suspended, all its tokens, keys and pages stop at once, until it is active again.
 * @throws GatehouseError permission_denied, also for `active` unless a superadmin says it in person; validation_failed for
 *   `name` where it looks like another organization's
 */
export async function editOrganization(
  db: Queryable,
  { organization: { id }, actor }: OrganizationManagement,
  edit: OrganizationEdit,
): Promise<Organization> {
  requireAdminOf(actor, id)
  return inTransaction(db, async (tx) => {
    const before = await requireHeld(tx, id)
    const changes = changedFields(toFields(before), edit)
    if (!changes) return before
    if ('active' in changes.after) requireMaySuspend(actor)
    if (edit.name !== undefined && 'name' in changes.after)
      await claimName(tx, edit.name, { field: 'name', except: id })
    await updateOrganization(tx, id, edit)
    await recordAuditEvent(tx, {
      actor,
      action: actionOf(changes.after),
      subject: { kind: 'organization', id, name: before.slug },
      organizationId: id,
      before: namedAsInApi(changes.before),
      after: namedAsInApi(changes.after),
    })
    return requireHeld(tx, id)
  })
}

/** A suspension is read out of a list of actions. */
function actionOf(after: Record<string, unknown>) {
  if (!('active' in after) || Object.keys(after).length > 1) return 'organization.updated'
  return after.active ? 'organization.activated' : 'organization.suspended'
}

function requireMaySuspend(actor: Administrator): void {
  requireSuperadmin(actor)
  refuseApiKey(actor)
}

async function requireHeld(tx: Queryable, id: string): Promise<Organization> {
  const organization = await holdOrganization(tx, id)
  if (!organization) throw new GatehouseError('not_found', 'There is no such organization.')
  return organization
}

function toFields(organization: Organization) {
  const { name, logoUrl, accentColor, allowsKeysInQuery, joinByDomain, defaultLocale, suspendedAt } = organization
  return { name, logoUrl, accentColor, allowsKeysInQuery, joinByDomain, defaultLocale, active: suspendedAt === null }
}

const apiNames: Record<string, string> = {
  logoUrl: 'logo_url',
  accentColor: 'accent_color',
  allowsKeysInQuery: 'allows_keys_in_query',
  joinByDomain: 'join_by_domain',
  defaultLocale: 'default_locale',
}

function namedAsInApi(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [apiNames[name] ?? name, value]))
}
