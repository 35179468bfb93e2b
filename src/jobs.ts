import { remindOfExpiringApiKeys } from '#authentication/api-keys/remind-of-expiring-api-keys.ts'
import type { RefusalTime } from '#authentication/passwords/refusal-time.ts'
import { noteClientUses } from '#credentials/log/last-uses.ts'
import { packLog } from '#credentials/log/pack-log.ts'
import { maintainPartitions } from '#credentials/log/partitions.ts'
import { cutAuditLog } from '#foundation/audit/cut-audit-log.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Job } from '#foundation/database/job-runner.ts'
import type { MailDelivery } from '#foundation/outbox/deliver.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import type { CurrentProvider } from '#protocol/provider/current-provider.ts'
import { sweepExpired } from './sweep.ts'

/** Everything that runs by the clock. What has no lease concerns a node alone, or keeps others away row by row. */
export function jobsOf({
  db,
  outbox,
  mailDelivery,
  current,
  refusalTime,
  logRetentionDays,
  auditRetentionDays,
}: {
  db: Queryable
  outbox: MailOutbox
  mailDelivery: MailDelivery
  current: CurrentProvider
  refusalTime: RefusalTime
  logRetentionDays: number
  /** Undefined: for ever. */
  auditRetentionDays: number | undefined
}): Job[] {
  return [
    { name: 'mail delivery', everySeconds: 0.9, run: mailDelivery.deliverDue },
    { name: 'provider refresh', everySeconds: 5, run: current.refresh },
    { name: 'time of refused passwords', everySeconds: 300, run: refusalTime.measure },
    { name: 'sweep', everySeconds: 60, leaseSeconds: 600, run: () => sweepExpired(db) },
    { name: 'packing the log', everySeconds: 1, run: () => packLog(db) },
    { name: 'last uses of clients', everySeconds: 20, leaseSeconds: 30, run: () => noteClientUses(db) },
    {
      name: 'reminders of expiring keys',
      everySeconds: 60,
      leaseSeconds: 300,
      run: () => remindOfExpiringApiKeys({ db, outbox }),
    },
    {
      name: 'log partitions',
      everySeconds: 3600,
      leaseSeconds: 600,
      run: () => maintainPartitions(db, { retentionDays: logRetentionDays }),
    },
    ...(auditRetentionDays === undefined
      ? []
      : [
          {
            name: 'audit log retention',
            everySeconds: 3600,
            leaseSeconds: 600,
            run: () => cutAuditLog(db, { retentionDays: auditRetentionDays }),
          },
        ]),
  ]
}
