import { atLeast, type Row } from '../finding.ts'
import { interleaved } from '../measure.ts'
import { startGatehouse } from '../targets/gatehouse.ts'
import { yardstick } from '../targets/yardstick.ts'

/** What a second process gains, where it gains a bare server as much as this machine lets it. */
export const workersRow: Row = {
  name: 'two workers',
  async measure() {
    const [one, two] = [await startGatehouse('PostgreSQL'), await startGatehouse('PostgreSQL', { workers: 2 })]
    if (!one || !two) return []
    const [raw, rawTwo, ours, oursTwo] = await interleaved([
      await yardstick(),
      await yardstick(2),
      one.introspection('introspection, 1 worker'),
      two.introspection('introspection, 2 workers'),
    ])
    const rawGain = rawTwo!.ratio(raw!)
    const gain = oursTwo!.ratio(ours!)
    const note = `(${gain.toFixed(2)} against ${rawGain.toFixed(2)})`
    return [
      atLeast('two workers to one, PostgreSQL', 0.9, gain / rawGain, { unit: "of the yardstick's own gain", note }),
    ]
  },
}
