import type { SqlPool } from '#foundation/database/sql-pool.ts'
import { networkNameOf } from '#foundation/http/client-address.ts'
import { Batch } from './batch.ts'

/** A use of what belongs to no owner: of no form of ours, or unknown. */
export interface UnknownUse {
  ip: string | undefined
  via: string
  reason: string
  /** Client id of the resource server that asked. */
  resourceServer: string | undefined
}

/**
 * Adds uses to the sums of this minute. The promise resolves after the commit. Batches of their own, so that good
 * credentials never wait for a row that garbage is adding to.
 */
export function unknownUseCounter(pool: SqlPool): (use: UnknownUse) => Promise<void> {
  const batch = new Batch<UnknownUse, void>(async (uses) => {
    const rows = uses.map(({ ip, via, reason, resourceServer }) => ({
      network: ip === undefined ? undefined : networkNameOf(ip),
      via,
      reason,
      resource_server: resourceServer,
    }))
    await pool.query({ name: 'count-unknown-uses', text: statement, values: [JSON.stringify(rows)] })
    return []
  })
  return (use) => batch.add(use)
}

/** Each sum is touched once, and in one order, so that two batches under way don't deadlock. */
const statement = `
insert into unknown_uses as sums (minute, network, via, reason, resource_server, count)
select date_trunc('minute', now()), network, via, reason, resource_server, count(*)
from json_to_recordset($1::json) as uses(network text, via text, reason text, resource_server text)
group by network, via, reason, resource_server
order by network, via, reason, resource_server
on conflict (minute, network, via, reason, resource_server) do update set count = sums.count + excluded.count`
