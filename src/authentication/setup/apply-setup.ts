import type { ConnectionParts } from '#authentication/connections/save-connection.ts'
import { hashPassword } from '#authentication/passwords/password.ts'
import { holdAdministrators } from '#directory/organizations/last-administrators.ts'
import type { SystemActor } from '#directory/users/actor.ts'
import { recordAuditEvents } from '#foundation/audit/record-audit-event.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { lock } from '#foundation/database/locks.ts'
import { emailKey } from '#foundation/values/email-address.ts'
import type { SetupOutcome, SetupPlan } from './changes.ts'
import { inBatches } from './in-batches.ts'
import { prepareSetup, readPlan } from './plan-setup.ts'
import type { Setup } from './setup.ts'
import type { PlannedUser } from './setup-writes.ts'
import { writeSetup } from './write-setup.ts'

/** Passwords in one go: the queue that hashing allows is shared with those who sign in meanwhile. */
const hashesAtOnce = 8

/** A user whose first password may have to be hashed. */
type WithPassword = Pick<PlannedUser, 'email' | 'password' | 'passwordHash'>

export interface ApplyOptions extends ConnectionParts {
  /** Whom the audit log names. */
  actor: SystemActor
}

/**
 * Makes the database as the setup says, in one transaction, and records each change in the audit log. A second time
 * nothing differs and nothing is written. Passwords are hashed before the lock is taken: hundreds take seconds, in which
 * every node that starts would wait. @returns what was changed, and what was left alone
 * @throws SetupError when the file refers to something that doesn't exist; nothing was applied
 */
export async function applySetup(db: Queryable, setup: Setup, options: ApplyOptions): Promise<SetupOutcome> {
  const hashes = new Map<string, string>()
  for (;;) {
    const plan = await readPlan(db, setup, options)
    if (isDone(plan)) return outcomeOf(plan)
    await hashPasswords(withPasswords(plan), hashes)
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
): Promise<SetupOutcome | undefined> {
  return inTransaction(db, async (tx) => {
    await lock(tx, 'setup')
    await holdAdministrators(tx)
    const plan = await prepareSetup(tx, setup, options)
    if (isDone(plan)) return outcomeOf(plan)
    if (!fillInHashes(plan, hashes)) return undefined
    await writeSetup(tx, plan.writes, options.encryption)
    const { actor } = options
    await inBatches(plan.events, (batch) =>
      recordAuditEvents(
        tx,
        batch.map((event) => ({ ...event, actor })),
      ),
    )
    return outcomeOf(plan)
  })
}

/** @param hashes by e-mail address in lower case; those that are missing are added */
async function hashPasswords(users: readonly WithPassword[], hashes: Map<string, string>): Promise<void> {
  const due = users.filter((user) => needsHash(user) && !hashes.has(emailKey(user.email)))
  const hashOne = async ({ email, password = '' }: WithPassword) => {
    hashes.set(emailKey(email), await hashPassword(password))
  }
  await inBatches(due, (batch) => Promise.all(batch.map(hashOne)), hashesAtOnce)
}

function fillInHashes(plan: SetupPlan, hashes: ReadonlyMap<string, string>): boolean {
  const due = withPasswords(plan).filter(needsHash)
  for (const user of due) user.passwordHash = hashes.get(emailKey(user.email)) ?? null
  return !due.some(needsHash)
}

function withPasswords({ writes }: SetupPlan): WithPassword[] {
  return [...writes.newUsers, ...writes.adoptedUsers]
}

/** Nothing differs, and what is the file's is known to be. */
function isDone({ changes, writes }: SetupPlan): boolean {
  return changes.length + writes.objects.length === 0
}

function outcomeOf({ changes, notices, callbacks }: SetupPlan): SetupOutcome {
  return { changes, notices, callbacks }
}

function needsHash({ passwordHash, password }: WithPassword): boolean {
  return passwordHash === null && password !== undefined
}
