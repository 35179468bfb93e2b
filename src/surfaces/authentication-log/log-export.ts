import { csvForm } from '#surfaces/api-kit/log-export.ts'
import type { LogEntry } from './log-entry.ts'

export const csv = csvForm<LogEntry>([
  ['id', ({ id }) => id],
  ['occurred_at', ({ occurred_at }) => occurred_at],
  ['outcome', ({ outcome }) => outcome],
  ['reason', ({ reason }) => reason],
  ['credential_id', ({ credential }) => credential.id],
  ['credential_kind', ({ credential }) => credential.kind],
  ['credential_name', ({ credential }) => credential.name],
  ['via', ({ via }) => via],
  ['user_id', ({ user }) => user?.id],
  ['user_email', ({ user }) => user?.email],
  ['organization', ({ organization }) => organization?.slug],
  ['resource_server', ({ resource_server }) => resource_server],
  ['ip', ({ ip }) => ip],
  ['user_agent', ({ user_agent }) => user_agent],
  ['method', ({ method }) => method],
  ['path', ({ path }) => path],
  ['count', ({ count }) => String(count)],
])
