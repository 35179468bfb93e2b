import { z } from 'zod'
import type { AuditRow } from '#foundation/audit/audit-queries.ts'
import { organizationSummary } from '#foundation/values/names.ts'

const named = { id: z.string().nullable(), name: z.string().describe('As it was called at that moment') }

/** One change, as the API tells it. */
export const auditEntry = z
  .object({
    id: z.string().meta({ examples: ['4711'] }),
    occurred_at: z.iso.datetime().describe('When the change began, with microseconds'),
    actor: z
      .object({
        kind: z
          .string()
          .describe('`user`, `api_key`, `setup_file`, `command_line`, `connection`, `retention`, …')
          .meta({ examples: ['user'] }),
        ...named,
        owner: z
          .object({ id: z.string(), name: z.string() })
          .nullable()
          .describe('Of an API key: the person whose it is'),
      })
      .describe('Who made the change'),
    via: z
      .string()
      .describe('By which door: `api`, `sign_in`, `account`, `console`, `command_line`, `server`')
      .meta({ examples: ['api'] }),
    action: z
      .string()
      .describe('What was done, as noun and participle')
      .meta({ examples: ['member.removed'] }),
    subject: z
      .object({
        kind: z
          .string()
          .describe('What kind of thing')
          .meta({ examples: ['member'] }),
        ...named,
      })
      .describe('What was changed; of a member the id is the user’s'),
    organization: organizationSummary.nullable().describe('Null: the deployment’s own'),
    before: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe('What differed, as it was; never a secret')
      .meta({ examples: [{ admin: false }] }),
    after: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe('What differs, as it became; never a secret')
      .meta({ examples: [{ admin: true }] }),
    ip: z.string().nullable(),
    request_id: z.string().nullable().describe('As the answer’s `X-Request-Id` had it'),
    hash: z
      .string()
      .describe('SHA-256 of the entry and the hash before it, hexadecimal')
      .meta({ examples: ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'] }),
  })
  .meta({ id: 'AuditLogEntry' })

export type AuditEntry = z.infer<typeof auditEntry>

type Organization = z.infer<typeof organizationSummary>

/** @param organizations those that the entries name, by id; one that is gone is told by its id */
export function toAuditEntry(row: AuditRow, organizations: ReadonlyMap<string, Organization>): AuditEntry {
  const { organizationId: id, ownerId } = row
  return {
    id: String(row.id),
    occurred_at: row.at,
    actor: {
      kind: row.actorKind,
      id: row.actorId,
      name: row.actorName,
      owner: ownerId === null ? null : { id: ownerId, name: row.ownerName ?? ownerId },
    },
    via: row.via,
    action: row.action,
    subject: { kind: row.subjectKind, id: row.subjectId, name: row.subjectName },
    organization: id === null ? null : (organizations.get(id) ?? { id, slug: id, name: id }),
    before: row.before,
    after: row.after,
    ip: row.ip,
    request_id: row.requestId,
    hash: row.hash,
  }
}
