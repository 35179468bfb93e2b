import { type Answer, type Call, call } from './api-requests.ts'
import { type Gatehouse, setup } from './gatehouse.ts'
import type { SignedIn } from './keys.ts'

/** The usual people, with Carol, a plain member of Acme without any grant. */
export const withCarol = setup
  .replace(
    'organizations:\n',
    '  - { email: carol@acme.test, name: Carol, password: "correct horse battery staple" }\n$&',
  )
  .replace('  - slug: globex\n', '      - { email: carol@acme.test }\n$&')

/** Asks as somebody: `ask('PUT', '/v1/organizations/acme/…', { permissions: … })`. */
export function asker(gatehouse: Gatehouse, by: SignedIn) {
  return (method: string, path: string, json?: unknown, more: Call = {}): Promise<Answer> =>
    call(gatehouse, path, { method, json, ...more, headers: { ...by.headers, ...more.headers } })
}

export type Ask = ReturnType<typeof asker>

/** The fields that a refusal names. */
export function fieldsOf({ json }: Answer): string[] | undefined {
  return (json.errors as { path: string }[] | undefined)?.map(({ path }) => path)
}

/** The last entries of the audit log, oldest first. */
export async function lastAudited({ database: { db } }: Gatehouse, count: number) {
  const rows = await db.selectFrom('auditLog').selectAll().orderBy('id', 'desc').limit(count).execute()
  return rows.reverse().map(({ actorName, action, subjectKind, subjectName, before, after }) => ({
    actorName,
    action,
    subject: `${subjectKind} ${subjectName}`,
    before,
    after,
  }))
}

export async function countAudited({ database: { db } }: Gatehouse): Promise<number> {
  return (await db.selectFrom('auditLog').select('id').execute()).length
}

/** What introspection answers of somebody's rights at this moment. */
export async function rightsOf(gatehouse: Gatehouse, token: string) {
  const { json } = await gatehouse.introspect(token)
  return { active: json.active, permissions: json.permissions ?? [], data_scopes: json.data_scopes ?? [] } as {
    active: boolean
    permissions: string[]
    data_scopes: { source: string | null; scope_id: string | null }[]
  }
}
