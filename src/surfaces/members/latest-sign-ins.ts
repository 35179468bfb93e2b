import { listLogEntries } from '#credentials/log/log-queries.ts'
import type { LogRow } from '#credentials/log/log-row.ts'
import { isSignIn } from '#credentials/log/uses-by-day.ts'
import { namesOfClients } from '#directory/clients/client-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { message, type Text } from '#foundation/messages/message.ts'
import { deviceName } from '#foundation/values/device-name.ts'

const mostShown = 5
/** Among so many of the newest entries sign-ins are looked for: a busy key must not make the page slow. */
const mostRead = 100

/** How a member signed in to an organization lately, or tried to. */
export async function latestSignIns(db: Queryable, member: { userId: string; organizationId: string }) {
  const rows = await listLogEntries(db, { subjects: [{ of: 'person', ...member }] }, { limit: mostRead })
  const signIns = rows.filter(({ credentialKind }) => isSignIn(credentialKind)).slice(0, mostShown)
  const clients = await namesOfClients(
    db,
    signIns.flatMap(({ clientId }) => clientId ?? []),
  )
  return signIns.map((row) => ({
    at: row.occurredAt,
    isAccepted: row.outcome === 'accepted',
    how: howOf(row),
    client: row.clientId === null ? undefined : (clients.get(row.clientId) ?? row.clientId),
    device: row.userAgent === null ? undefined : deviceName(row.userAgent),
    ip: row.ip,
  }))
}

function howOf({ credentialKind, credentialName }: LogRow): Text {
  if (credentialKind === 'password') return message('page-kit.password')
  return credentialName ?? message('members.sign_in.connection')
}
