import { z } from 'zod'
import { listDomains } from '#directory/organizations/domain-queries.ts'
import {
  claimDomain,
  domainRecord,
  type ResolveTxt,
  removeDomain,
  verifyDomain,
} from '#directory/organizations/verify-domain.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import type { OrganizationDomain } from '#foundation/database/schema.ts'
import { listOf, pageOf, pageQuery } from '#foundation/http/list.ts'
import { emailDomain } from '#foundation/values/names.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'

export interface DomainApiParts {
  encryption: Encryption
  resolveTxt: ResolveTxt
}

const tags: [string] = ['Domains']
const domainsPath = '/v1/organizations/{org}/domains'
const domainPath = `${domainsPath}/{domain}`
const ofOrganization = z.strictObject({ org: z.string() })
const ofDomain = z.strictObject({ org: z.string(), domain: emailDomain })

/** `/v1/organizations/{org}/domains`: e-mail domains of an organization, and the proof that they are its own. */
export function domainApi({ encryption, resolveTxt }: DomainApiParts): ApiRoute[] {
  const toAnswer = (row: OrganizationDomain) => ({
    domain: row.domain,
    status: row.verifiedAt ? ('verified' as const) : ('pending' as const),
    record: domainRecord(encryption, row),
    verified_at: row.verifiedAt?.toISOString() ?? null,
    created_at: row.createdAt.toISOString(),
  })
  return [
    apiRoute({
      name: 'listDomains',
      method: 'GET',
      path: domainsPath,
      summary: "List an organization's e-mail domains",
      tags,
      params: ofOrganization,
      query: z.strictObject(pageQuery),
      answer: listOf(domain),
      errors: ['permission_denied', 'not_found'],
      handle: async ({ db, organization, query }) => {
        const rows = await listDomains(db, organization.id, query)
        return pageOf(rows, query.limit, (row) => row.position, toAnswer)
      },
    }),
    apiRoute({
      name: 'claimDomain',
      method: 'POST',
      path: domainsPath,
      summary: 'Claim an e-mail domain',
      description:
        'It counts for nothing until it is verified: publish `record` in the DNS and call `…/verify`. The record is the ' +
        'same whenever it is asked for.',
      tags,
      params: ofOrganization,
      body: z.strictObject({ domain: emailDomain }),
      status: 201,
      answer: domain,
      errors: ['permission_denied', 'not_found', 'conflict'],
      handle: async ({ db, actor, organization, body }) =>
        toAnswer(await claimDomain(db, { actor, organization }, body.domain)),
    }),
    apiRoute({
      name: 'verifyDomain',
      method: 'POST',
      path: `${domainPath}/verify`,
      summary: 'Verify an e-mail domain by its TXT record',
      description:
        'From then on its addresses are led to the connections of the organization. 409 while the record is not there, ' +
        'or when another organization has verified the domain; 503 when no name server answers.',
      tags,
      params: ofDomain,
      answer: domain,
      errors: ['permission_denied', 'not_found', 'conflict', 'temporarily_unavailable'],
      transaction: 'own',
      handle: async ({ db, actor, organization, params }) =>
        toAnswer(await verifyDomain(db, { encryption, resolveTxt }, { actor, organization }, params.domain)),
    }),
    apiRoute({
      name: 'removeDomain',
      method: 'DELETE',
      path: domainPath,
      summary: 'Give an e-mail domain up',
      tags,
      params: ofDomain,
      errors: ['permission_denied', 'not_found'],
      handle: ({ db, actor, organization, params }) => removeDomain(db, { actor, organization }, params.domain),
    }),
  ]
}

const domain = z
  .object({
    domain: z.string(),
    status: z.enum(['pending', 'verified']),
    record: z
      .object({ type: z.literal('TXT'), name: z.string(), value: z.string() })
      .describe('What its owner publishes in the DNS'),
    verified_at: z.string().nullable(),
    created_at: z.string(),
  })
  .meta({ id: 'Domain' })
