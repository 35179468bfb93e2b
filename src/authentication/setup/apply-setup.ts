import type { ConnectionParts } from '#authentication/connections/save-connection.ts'
import { hashPassword } from '#authentication/passwords/password.ts'
import { recordAuditEvents } from '#foundation/audit/record-audit-event.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { lock } from '#foundation/database/locks.ts'
import { emailKey } from '#foundation/values/email-address.ts'
import type { Change, SetupPlan } from './changes.ts'
import { inBatches } from './in-batches.ts'
import { prepareSetup, readPlan } from './plan-setup.ts'
import type { Setup } from './setup.ts'
import type { PlannedUser } from './setup-writes.ts'
import { writeSetup } from './write-setup.ts'

/** Passwords in one go: the queue that hashing allows is shared with those who sign in meanwhile. */
const hashesAtOnce = 8

export interface ApplyOptions extends ConnectionParts {
  /** Who the audit log names, such as `setup:boot`. */
  actor: string
}

/**
 * Makes the database as the setup says, in one transaction, and records each change in the audit log. A second time
 * nothing differs and nothing is written. Passwords are hashed before the lock is taken: hundreds take seconds, in which
 * every node that starts would wait. @returns what was changed
 * @throws SetupError when the file refers to something that doesn't exist; nothing was applied
 */
export async function applySetup(db: Queryable, setup: Setup, options: ApplyOptions): Promise<Change[]> {
  const hashes = new Map<string, string>()
  for (;;) {
    const { changes, writes } = await readPlan(db, setup, options)
    if (changes.length === 0) return changes
    await hashPasswords(writes.newUsers, hashes)
    const applied = await applyHashed(db, setup, options, hashes)
    if (applied) return applied
  }
}

/** @returns undefined when a user is new by now whose password has not been hashed; nothing was written */
function applyHashed(
  db: Queryable,
  setup: Setup,
  options: ApplyOptions,
  hashes: ReadonlyMap<string, string>,
): Promise<Change[] | undefined> {
  return db.transaction().execute(async (tx) => {
    await lock(tx, 'setup')
    const plan = await prepareSetup(tx, setup, options)
    if (plan.changes.length === 0) return plan.changes
    if (!fillInHashes(plan, hashes)) return undefined
    await writeSetup(tx, plan.writes, options.encryption)
    const { actor } = options
    await inBatches(plan.events, (batch) =>
      recordAuditEvents(
        tx,
        batch.map((event) => ({ ...event, actor })),
      ),
    )
    return plan.changes
  })
}

/** @param hashes by e-mail address in lower case; those that are missing are added */
async function hashPasswords(users: readonly PlannedUser[], hashes: Map<string, string>): Promise<void> {
  const due = users.filter((user) => needsHash(user) && !hashes.has(emailKey(user.email)))
  const hashOne = async ({ email, password = '' }: PlannedUser) => {
    hashes.set(emailKey(email), await hashPassword(password))
  }
  await inBatches(due, (batch) => Promise.all(batch.map(hashOne)), hashesAtOnce)
}

function fillInHashes({ writes }: SetupPlan, hashes: ReadonlyMap<string, string>): boolean {
  const due = writes.newUsers.filter(needsHash)
  for (const user of due) user.passwordHash = hashes.get(emailKey(user.email)) ?? null
  return !due.some(needsHash)
}

function needsHash({ passwordHash, password }: PlannedUser): boolean {
  return passwordHash === null && password !== undefined
}
