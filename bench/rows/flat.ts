import { atLeast, type Row } from '../finding.ts'
import { interleaved } from '../measure.ts'
import { options } from '../options.ts'
import { seedLog } from '../seed-log.ts'
import { gatehouse, startGatehouse, type Variant } from '../targets/gatehouse.ts'

const { keys, manyKeys, manyTeams, logEntries } = options

/** What grows must not be felt: API keys asked about in a small deployment and in one that is large in one respect. */
export const flatRows: Row[] = [
  flatRow(`${keys} to ${manyKeys} keys`, { keys: manyKeys }),
  flatRow(`1 to ${manyTeams} teams`, { teams: manyTeams }),
  ...(logEntries > 0
    ? [flatRow(`1 to ${logEntries} log entries`, { fill: (database) => seedLog(database, logEntries) })]
    : []),
]

function flatRow(name: string, variant: Variant): Row {
  return {
    name,
    async measure() {
      const [small, large] = [await gatehouse('PostgreSQL'), await startGatehouse('PostgreSQL', variant)]
      if (!small || !large) return []
      const [few, many] = await interleaved([small.apiKeys('API keys'), large.apiKeys(`API keys, ${name}`)])
      return [atLeast(name, 0.8, many!.ratio(few!), { unit: 'of the small rate' })]
    },
  }
}
