import type { Finding, Row } from './finding.ts'
import { allSeries } from './measure.ts'
import { options } from './options.ts'
import { printFindings, printProfile, printSeries } from './print.ts'
import { tidyUp } from './processes.ts'
import { topOfProfiles } from './profile.ts'
import { codeRow } from './rows/code.ts'
import { flatRows } from './rows/flat.ts'
import { introspectionRow, latencyRow } from './rows/introspection.ts'
import { logBytesRow } from './rows/log-bytes.ts'
import { besideSignInsRow, signInsRow } from './rows/sign-ins.ts'
import { startRow } from './rows/start.ts'
import { teamRow } from './rows/team.ts'
import { clientCredentialsRow, refreshRows } from './rows/token-endpoint.ts'
import { workersRow } from './rows/workers.ts'

/**
 * `npm run bench`: what each hot path does beside what it is to do. Whatever is compared runs in turn in the same minutes:
 * only ratios travel from machine to machine. docs/performance.md tells the options and what is counted.
 */
const rows: Row[] = [
  introspectionRow,
  latencyRow,
  clientCredentialsRow,
  ...refreshRows,
  codeRow,
  signInsRow,
  besideSignInsRow,
  workersRow,
  ...flatRows,
  logBytesRow,
  teamRow,
  startRow,
]

const findings: Finding[] = []
try {
  for (const row of rows.filter(({ name }) => name.includes(options.only))) {
    process.stderr.write(`${row.name} …\n`)
    findings.push(...(await row.measure()))
  }
  printFindings(findings)
  printSeries(allSeries)
} finally {
  await tidyUp()
}
// Written when a process ends.
if (options.profile) for (const profile of topOfProfiles(options.profile)) printProfile(profile)
