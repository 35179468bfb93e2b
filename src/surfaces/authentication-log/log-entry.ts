import { z } from 'zod'
import { logOutcomes } from '#credentials/log/log-filter.ts'
import type { LogRow } from '#credentials/log/log-row.ts'
import { organizationSummary } from '#foundation/values/names.ts'

/** One use of a credential, as the API tells it. */
export const logEntry = z
  .object({
    id: z.string(),
    occurred_at: z.iso.datetime().describe('With microseconds'),
    outcome: z.enum(logOutcomes).describe('`denied`: a live credential, whose holder may not do what was asked'),
    reason: z
      .string()
      .nullable()
      .describe('Of a refusal: `unknown`, `expired`, `revoked`, `wrong_password`, …; of a denial: what was missing'),
    credential: z.object({
      id: z.string().nullable().describe('Not of passwords and codes, and not of what nobody knows'),
      kind: z
        .string()
        .describe('`api_key`, `access_token`, `refresh_token`, `password`, `authorization_code`, `unknown`, …'),
      name: z.string().nullable(),
    }),
    via: z.string().describe('How it was presented: `bearer`, `x-api-key`, `query`, `introspection`, `sign-in`, …'),
    user: z.object({ id: z.string(), email: z.string().nullable() }).nullable(),
    organization: organizationSummary.nullable(),
    resource_server: z.string().nullable().describe('The client id of the API that asked'),
    ip: z.string().nullable(),
    user_agent: z.string().nullable(),
    method: z.string().nullable(),
    path: z.string().nullable(),
    count: z.int().describe('How many uses this stands for'),
  })
  .meta({ id: 'AuthenticationLogEntry' })

export type LogEntry = z.infer<typeof logEntry>

type Organization = z.infer<typeof organizationSummary>

/** @param organizations those that the entries name, by id */
export function toLogEntry(row: LogRow, organizations: ReadonlyMap<string, Organization>): LogEntry {
  return {
    id: String(row.id),
    occurred_at: row.at,
    outcome: row.outcome,
    reason: row.reason,
    credential: { id: row.credentialId, kind: row.credentialKind, name: row.credentialName },
    via: row.via,
    user: row.userId === null ? null : { id: row.userId, email: row.userEmail },
    organization: (row.organizationId && organizations.get(row.organizationId)) || null,
    resource_server: row.resourceServer,
    ip: row.ip,
    user_agent: row.userAgent,
    method: row.method,
    path: row.path,
    count: row.count,
  }
}
