import { atLeast, atMost, type Finding, type Row, told } from '../finding.ts'
import type { HashingRate } from '../hashing.ts'
import { interleaved, measure, median } from '../measure.ts'
import { options } from '../options.ts'
import { runFile } from '../processes.ts'
import { gatehouse } from '../targets/gatehouse.ts'

const { rounds, seconds } = options

/** Against verifications in a process that does nothing else, as many at a time as there are cores. */
export const signInsRow: Row = {
  name: 'password sign-ins',
  async measure() {
    const findings: Finding[] = []
    for (const kind of ['PostgreSQL', 'embedded'] as const) {
      const server = await gatehouse(kind)
      if (!server) continue
      const target = server.signIns()
      await measure(target, { connections: 16, seconds: 1 })
      const ratios: number[] = []
      const alone: number[] = []
      for (let round = 0; round < rounds; round++) {
        const { perSecond } = await runFile<HashingRate>('bench/hashing.ts', { seconds })
        const [signIns] = await interleaved([target], { connections: 16, rounds: 1 })
        alone.push(perSecond)
        ratios.push(signIns!.median('perSecond') / perSecond)
      }
      const note = `(argon2 ${median(alone).toFixed(0)}/s)`
      findings.push(atLeast(`password sign-ins, ${kind}`, 0.9, median(ratios), { unit: 'of argon2 alone', note }))
    }
    return findings
  },
}

const parallelSignIns = 500
/** Few enough that the processors have room: what is measured is waiting for hashes, not for each other. */
const connections = 8

/** Who is told to come back later comes back when they were told to, and not before. */
export const besideSignInsRow: Row = {
  name: `introspection beside ${parallelSignIns} sign-ins`,
  async measure() {
    const findings: Finding[] = []
    for (const kind of ['PostgreSQL', 'embedded'] as const) {
      const server = await gatehouse(kind)
      if (!server) continue
      const [target, signIns] = [server.introspection(), server.signIns()]
      await measure(target, { connections, seconds: 1 })
      const measured: Record<'quiet' | 'busy' | 'ratio' | 'perSecond', number>[] = []
      for (let round = 0; round < rounds; round++) {
        const quiet = await measure(target, { connections, seconds })
        const [busy, people] = await Promise.all([
          measure(target, { connections, seconds }),
          measure(signIns, { connections: parallelSignIns, seconds }),
        ])
        measured.push({ quiet: quiet.p99, busy: busy.p99, ratio: busy.p99 / quiet.p99, perSecond: people.perSecond })
      }
      const of = (key: keyof (typeof measured)[number]) => median(measured.map((one) => one[key]))
      const what = `introspection's p99 beside ${parallelSignIns} sign-ins, ${kind}`
      const note = `(${of('busy').toFixed(1)} against ${of('quiet').toFixed(1)} ms)`
      findings.push(
        atMost(what, 3, of('ratio'), { unit: '× quiet', note }),
        told(`${what}: of which let in`, of('perSecond'), { unit: 'a second', digits: 0 }),
      )
    }
    return findings
  },
}
