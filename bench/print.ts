import { availableParallelism } from 'node:os'
import type { Finding } from './finding.ts'
import type { Series } from './measure.ts'
import { options } from './options.ts'
import type { ProfileEntry } from './profile.ts'

/** Both tables in Markdown, as docs/performance.md shows them. */
export function printFindings(findings: Finding[]): void {
  const verdict = ({ reached }: Finding) => (reached === undefined ? '' : reached ? 'reached' : '**not reached**')
  console.log(`\n${availableParallelism()} cores, ${options.rounds} rounds of ${options.seconds} s, medians\n`)
  printTable(
    ['what', 'measured', 'goal', ''],
    findings.map((finding) => [finding.what, finding.measured, finding.goal ?? '', verdict(finding)]),
  )
}

export function printSeries(series: readonly Series[]): void {
  if (series.length === 0) return
  console.log('')
  printTable(
    ['server', 'connections', 'answers/s', 'p50 ms', 'p99 ms', 'CPU µs', 'PostgreSQL CPU µs', 'WAL bytes', 'failed'],
    series.map((one) => [
      one.name,
      String(one.connections),
      ...[
        one.median('perSecond').toFixed(0),
        one.median('p50').toFixed(2),
        one.median('p99').toFixed(2),
        one.median('cpu').toFixed(0),
        one.median('databaseCpu').toFixed(0),
        one.median('wal').toFixed(0),
        one.median('failures').toFixed(0),
      ].map((figure) => figure.replace('NaN', '')),
    ]),
  )
}

export function printProfile({ name, entries }: { name: string; entries: ProfileEntry[] }): void {
  console.log('')
  printTable(
    [`Gatehouse's main thread, ${name}`, 'share'],
    entries.map(([where, share]) => [where, `${(100 * share).toFixed(0)} %`]),
  )
}

function printTable(head: string[], rows: string[][]): void {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)))
  const line = (cells: string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`
  console.log(line(head))
  console.log(line(widths.map((width) => '-'.repeat(width))))
  for (const row of rows) console.log(line(row))
}
