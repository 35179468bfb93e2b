import { atLeast, type Finding, type Row, told } from '../finding.ts'
import { interleaved } from '../measure.ts'
import { gatehouse } from '../targets/gatehouse.ts'
import { library } from '../targets/library.ts'

/** From a signed-in browser's authorization request to the answer with its tokens. */
export const codeRow: Row = {
  name: 'code and PKCE with a session',
  async measure() {
    const servers = [await gatehouse('PostgreSQL'), await gatehouse('embedded')].filter((one) => !!one)
    const bare = await library()
    const ours = await Promise.all(servers.map((server) => server.code('es256')))
    const series = await interleaved([...(bare ? [await bare.code('es256')] : []), ...ours])
    const reference = bare && series.shift()
    const cost = (one: (typeof series)[number]) =>
      `(${one.median('perSecond').toFixed(0)}/s, ${one.median('cpu').toFixed(0)} µs CPU)`
    return series.flatMap((one, index): Finding[] => {
      const what = `${this.name}, Gatehouse, ${servers[index]!.kind}`
      if (!reference) return [told(what, one.median('perSecond'), { unit: 'a second', digits: 0 })]
      return [
        atLeast(what, 0.8, one.ratio(reference), { unit: 'of the library', note: cost(one) }),
        told(`${what}: CPU of the server`, one.ratio(reference, 'cpu'), {
          unit: '× the library',
          note: cost(reference),
        }),
      ]
    })
  },
}
