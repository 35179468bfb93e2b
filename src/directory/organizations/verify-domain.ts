import { createHmac } from 'node:crypto'
import { Resolver } from 'node:dns/promises'
import { type Actor, refuseApiKey, requireAdminOf } from '#directory/users/actor.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import { databaseNow } from '#foundation/database/clock.ts'
import { violates } from '#foundation/database/constraint.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { Organization, OrganizationDomain } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { findDomain, isDomainVerified } from './domain-queries.ts'

/*
 * An e-mail domain steers people who sign in with an address of it, and links identities to accounts, so it counts only
 * once its owner has proved it: by a TXT record that no other can publish. The record is derived from the
 * encryption keys, the organization and the domain: nothing has to be kept, and one organization's proves nothing for
 * another.
 */

/** The TXT records of a name, each as one text; none where there is no such name. @throws when no name server answers */
export type ResolveTxt = (name: string) => Promise<string[]>

const timeoutMs = 2_000
const tries = 2
const patienceMs = 5_000

/** Asks name servers (default: those of this machine), for 5 s at most. */
export function dnsTxtResolver(servers?: readonly string[]): ResolveTxt {
  return async (name) => {
    const resolver = new Resolver({ timeout: timeoutMs, tries })
    if (servers) resolver.setServers(servers)
    const enough = setTimeout(() => resolver.cancel(), patienceMs)
    try {
      const records = await resolver.resolveTxt(name)
      return records.map((parts) => parts.join(''))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOTFOUND' || code === 'ENODATA') return []
      throw error
    } finally {
      clearTimeout(enough)
    }
  }
}

/** What the domain's owner publishes, under the first encryption key; those of older keys are recognised too. */
export function domainRecord(encryption: Encryption, { domain, organizationId }: Claim) {
  return {
    type: 'TXT' as const,
    name: recordName(domain),
    value: recordValues(encryption, { domain, organizationId })[0]!,
  }
}

/** The name servers answer, and the record is not among what they say. */
export class DomainRecordMissing extends GatehouseError {
  /** What they say instead: a stranger's words. */
  readonly found: readonly string[]

  constructor(message: string, records: readonly string[]) {
    super('conflict', message)
    this.found = records.slice(0, mostShown).map((record) => record.slice(0, longestShown))
  }
}

const mostShown = 10
const longestShown = 300

type Claim = Pick<OrganizationDomain, 'domain' | 'organizationId'>

const recordName = (domain: string) => `_gatehouse-challenge.${domain}`

function recordValues(encryption: Encryption, { domain, organizationId }: Claim): string[] {
  return encryption.derivedKeys('domain verification').map((key) => {
    const token = createHmac('sha256', key).update(`${organizationId} ${domain}`).digest('base64url')
    return `gatehouse-domain-verification=${token}`
  })
}

/** Whose domains are managed, and by whom. */
export interface DomainManagement {
  organization: Pick<Organization, 'id' | 'slug'>
  actor: Actor
}

/** @throws GatehouseError permission_denied, with any API key */
function requireMayManageDomains({ organization, actor }: DomainManagement): void {
  refuseApiKey(actor)
  requireAdminOf(actor, organization.id)
}

/**
 * Claims a domain, which several organizations may: it means nothing before it is verified.
 * @throws GatehouseError permission_denied, conflict when it is on the list already
 */
export async function claimDomain(
  db: Queryable,
  management: DomainManagement,
  domain: string,
): Promise<OrganizationDomain> {
  requireMayManageDomains(management)
  const { organization } = management
  return inTransaction(db, async (tx) => {
    const claimed = await tx
      .insertInto('organizationDomains')
      .values({ domain, organizationId: organization.id, verifiedAt: null })
      .onConflict((conflict) => conflict.columns(['domain', 'organizationId']).doNothing())
      .returningAll()
      .executeTakeFirst()
    if (!claimed) throw new GatehouseError('conflict', `${domain} is on the list already.`)
    await recordAuditEvent(tx, { ...eventOf(management, domain), action: 'domain.created' })
    return claimed
  })
}

/**
 * Looks for the record and makes the domain the organization's own. One that is verified stays so without another look.
 * @throws GatehouseError permission_denied, not_found; conflict when the record is not there or another organization owns the domain;
 *   temporarily_unavailable when no name server answers
 */
export async function verifyDomain(
  db: Queryable,
  { encryption, resolveTxt }: { encryption: Encryption; resolveTxt: ResolveTxt },
  management: DomainManagement,
  domain: string,
): Promise<OrganizationDomain> {
  requireMayManageDomains(management)
  const claim = { organizationId: management.organization.id, domain }
  const known = await findDomain(db, claim)
  if (!known) throw noSuchDomain(domain)
  if (known.verifiedAt) return known
  if (await isDomainVerified(db, domain)) throw ownedByAnother(domain)
  const { name, value } = domainRecord(encryption, claim)
  const expected = new Set(recordValues(encryption, claim))
  const records = await resolveTxt(name).catch((cause) => {
    const message = `No name server answered for ${name}. Try again in a minute.`
    throw new GatehouseError('temporarily_unavailable', message, { retryAfterSeconds: 60, cause })
  })
  if (!records.some((record) => expected.has(record.trim()))) {
    const message = `${name} has no TXT record ${value} yet. A new record may take an hour until it is seen everywhere.`
    throw new DomainRecordMissing(message, records)
  }
  return markVerified(db, management, domain)
}

/** Of two organizations that prove it at once the database takes one. */
async function markVerified(db: Queryable, management: DomainManagement, domain: string): Promise<OrganizationDomain> {
  return inTransaction(db, async (tx) => {
    const verified = await tx
      .updateTable('organizationDomains')
      .set({ verifiedAt: databaseNow })
      .where('organizationId', '=', management.organization.id)
      .where('domain', '=', domain)
      .returningAll()
      .executeTakeFirst()
      .catch((error) => {
        throw violates(error, 'organization_domains_verified') ? ownedByAnother(domain) : error
      })
    if (!verified) throw noSuchDomain(domain)
    await recordAuditEvent(tx, { ...eventOf(management, domain), action: 'domain.verified' })
    return verified
  })
}

/** Gives a domain up: from then on it steers and links no sign-in here. @throws GatehouseError permission_denied, not_found */
export async function removeDomain(db: Queryable, management: DomainManagement, domain: string): Promise<void> {
  requireMayManageDomains(management)
  await inTransaction(db, async (tx) => {
    const removed = await tx
      .deleteFrom('organizationDomains')
      .where('organizationId', '=', management.organization.id)
      .where('domain', '=', domain)
      .returning('verifiedAt')
      .executeTakeFirst()
    if (!removed) throw noSuchDomain(domain)
    const before = { verified: removed.verifiedAt !== null }
    await recordAuditEvent(tx, { ...eventOf(management, domain), action: 'domain.deleted', before })
  })
}

function eventOf({ organization, actor }: DomainManagement, domain: string) {
  return { actor, subject: { kind: 'domain', id: domain, name: domain }, organizationId: organization.id }
}

function noSuchDomain(domain: string): GatehouseError {
  return new GatehouseError('not_found', `${domain} is not on the list of this organization's domains.`)
}

function ownedByAnother(domain: string): GatehouseError {
  return new GatehouseError('conflict', `Another organization has verified ${domain}. It has to give it up first.`)
}
