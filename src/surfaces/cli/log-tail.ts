import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import { type LogFilter, logOutcomes } from '#credentials/log/log-filter.ts'
import { eachLogPage } from '#credentials/log/log-queries.ts'
import type { LogRow } from '#credentials/log/log-row.ts'
import { namesOfOrganizations } from '#directory/organizations/organization-queries.ts'
import { clock } from '#foundation/database/clock.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { periodEnd, periodStart } from '#surfaces/api-kit/log-period.ts'
import { type LogEntry, toLogEntry } from '#surfaces/authentication-log/log-entry.ts'
import { command, flag, option, optionalText } from './command.ts'
import { askedEntries } from './log-subjects.ts'
import type { Terminal } from './terminal.ts'
import { lookAtDatabase } from './with-database.ts'

const pollMs = 500

/**
 * An entry has the time at which its statement began, and is there once that has committed: at most so long after, since
 * the database gives up on a request then.
 */
const overlapMs = 5_000

const count = z.coerce.number('must be a number').int('must be a whole number').min(0).max(100_000)

export const logTail = command({
  name: 'log tail',
  summary: 'print the newest entries of the authentication log, and follow it',
  about:
    'Every use of a credential, oldest first: with --json one entry a line, as the API has them. What belongs to nobody is ' +
    'summed up by network and minute, so it is listed but not followed.',
  takes: {
    lines: option('count', 'how many entries to begin with (default 10)', count.default(10), 'n'),
    follow: flag('go on with what is logged from now on, until interrupted', 'f'),
    organization: option('slug', 'only of this organization (slug or id)', optionalText),
    user: option('email', 'only of this person (address or id); with --organization', optionalText),
    key: option('id', 'only of this API key, which may have been deleted; with --organization', optionalText),
    outcome: option('outcome', 'accepted, refused or denied', z.enum(logOutcomes).optional()),
    from: option('time', 'not before this moment, or day (UTC)', periodStart.optional()),
    to: option('time', 'before this moment, or up to the end of this day', periodEnd.optional()),
  },
  examples: [
    'log tail',
    'log tail --follow --outcome refused',
    'log tail -n 100 --organization acme --user ada@acme.test',
    'log tail -f --json | jq -r \'select(.outcome == "denied") | .path\'',
  ],
  run({ lines, follow, ...asked }, terminal) {
    return lookAtDatabase(terminal.environment, async (db) => {
      const filter = await askedEntries(db, asked)
      const printed = await printNewest(db, filter, lines, terminal)
      if (follow) await followLog(db, filter, printed, terminal)
      return undefined
    })
  },
})

async function printNewest(db: Queryable, filter: LogFilter, most: number, terminal: Terminal): Promise<LogRow[]> {
  const newest: LogRow[] = []
  for await (const page of eachLogPage(db, filter)) {
    newest.push(...page.slice(0, most - newest.length))
    if (newest.length >= most) break
  }
  await print(db, newest.toReversed(), terminal)
  return newest
}

/**
 * Looks again and again at what is newer, and a little behind that: of two requests the one that began first may commit
 * last.
 */
async function followLog(db: Queryable, filter: LogFilter, before: LogRow[], terminal: Terminal): Promise<void> {
  const stopped = terminal.stopped()
  const subjects = filter.subjects.filter(({ of }) => of !== 'no owner')
  const seen = new Map(before.map((row) => [row.id, timeOf(row)]))
  let newest = before[0] ? timeOf(before[0]) : (await clock(db)).getTime()
  while (!stopped.aborted) {
    const since = Math.max(newest - overlapMs, filter.from === undefined ? 0 : Date.parse(filter.from))
    const fresh: LogRow[] = []
    for await (const page of eachLogPage(db, { ...filter, subjects, from: new Date(since).toISOString() })) {
      fresh.push(...page.filter(({ id }) => !seen.has(id)))
    }
    await print(db, fresh.toReversed(), terminal)
    for (const row of fresh) seen.set(row.id, timeOf(row))
    newest = Math.max(newest, ...fresh.slice(0, 1).map(timeOf))
    for (const [id, time] of seen) if (time < since - overlapMs) seen.delete(id)
    await pause(pollMs, undefined, { signal: stopped }).catch(() => {})
  }
}

function timeOf({ at }: LogRow): number {
  return Date.parse(at)
}

async function print(db: Queryable, rows: readonly LogRow[], terminal: Terminal): Promise<void> {
  const ids = new Set(rows.flatMap(({ organizationId }) => organizationId ?? []))
  const organizations = await namesOfOrganizations(db, [...ids])
  for (const row of rows) {
    const entry = toLogEntry(row, organizations)
    terminal.print(lineOf(entry), entry)
  }
}

/** `2027-01-31T12:00:00.123Z accepted  api_key nightly (key_…)  ada@acme.test  acme  bearer  192.0.2.1  GET /reports` */
function lineOf(entry: LogEntry): string {
  const { credential, user, organization, method, path, count } = entry
  const named = [credential.kind, credential.name, credential.id && `(${credential.id})`].filter(Boolean).join(' ')
  return [
    `${entry.occurred_at.slice(0, 23)}Z ${entry.outcome.padEnd(8)}`,
    entry.reason,
    named,
    user?.email ?? user?.id,
    organization?.slug,
    entry.via,
    entry.resource_server,
    entry.ip,
    path && [method, path].filter(Boolean).join(' '),
    count > 1 && `×${count}`,
  ]
    .filter(Boolean)
    .join('  ')
}
