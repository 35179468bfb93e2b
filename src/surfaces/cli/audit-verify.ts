import { namesOfOrganizations } from '#directory/organizations/organization-queries.ts'
import { type VerifiedChain, verifyAuditLog } from '#foundation/audit/verify-audit-log.ts'
import { command } from './command.ts'
import { lookAtDatabase } from './with-database.ts'

export const auditVerify = command({
  name: 'audit verify',
  summary: 'prove that no entry of the audit log was edited or taken out',
  about:
    'Looks at every chain, the deployment’s and each organization’s, and names the first entry that does not fit. Note the ' +
    'heads that it prints elsewhere: who may write the whole database can compute a chain anew, but not one that leads to ' +
    'a head which is known.',
  takes: {},
  examples: ['audit verify', 'audit verify --json'],
  run: (_, { environment }) =>
    lookAtDatabase(environment, async (db) => {
      const chains = await verifyAuditLog(db)
      const organizations = await namesOfOrganizations(
        db,
        chains.flatMap(({ organizationId }) => organizationId ?? []),
      )
      const named = chains.map((chain) => {
        const { organizationId: id } = chain
        return { ...chain, name: id === null ? 'the deployment' : (organizations.get(id)?.slug ?? id) }
      })
      const broken = named.filter(({ problem }) => problem)
      return {
        json: { intact: broken.length === 0, chains: named.map(toJson) },
        lines: named.map(toLine),
        refused: broken.length > 0,
        ...(broken.length > 0 && { note: `${broken.length} of ${named.length} chains are broken.` }),
      }
    }),
})

type Named = VerifiedChain & { name: string }

function toLine({ name, entries, from, head, problem }: Named): string {
  if (problem) return `BROKEN ${name}: ${problem.message}`
  const cut = from > 1 ? `, those before ${from} were cut by retention` : ''
  return `ok ${name}: ${entries} entries${cut}; head ${head.number} ${head.hash}`
}

function toJson({ organizationId, name, entries, from, head, problem }: Named) {
  return {
    organization: organizationId === null ? null : { id: organizationId, slug: name },
    entries,
    from,
    head,
    problem: problem
      ? { kind: problem.kind, number: problem.number, entry: problem.entryId, message: problem.message }
      : null,
  }
}
