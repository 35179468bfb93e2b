import { type Algorithm, clients } from '../clients.ts'
import { atLeast, atMost, type Finding, type Row, told } from '../finding.ts'
import { interleaved, type Series, type Target } from '../measure.ts'
import { gatehouse } from '../targets/gatehouse.ts'
import { library } from '../targets/library.ts'
import { yardstick } from '../targets/yardstick.ts'

/** Microseconds of CPU that one answer may cost. */
interface Budget {
  server: number
  database: number
}

export const clientCredentialsRow: Row = {
  name: 'client credentials',
  async measure() {
    const [postgres, embedded, bare] = [await gatehouse('PostgreSQL'), await gatehouse('embedded'), await library()]
    return besideLibrary('client credentials', bare?.clientCredentials, [
      { target: postgres?.clientCredentials(), budget: { server: 200, database: 70 } },
      { target: embedded?.clientCredentials() },
    ])
  },
}

export const refreshRows: Row[] = [
  refreshRow('rs256', { server: 700, database: 250 }),
  refreshRow('es256', { server: 400, database: 250 }),
]

function refreshRow(algorithm: Algorithm, budget: Budget): Row {
  const name = `refresh grant, ${clients[algorithm].algorithm}`
  return {
    name,
    async measure() {
      const [postgres, embedded, bare] = [await gatehouse('PostgreSQL'), await gatehouse('embedded'), await library()]
      return besideLibrary(name, bare?.refresh(algorithm), [
        { target: postgres?.refresh(algorithm), budget },
        { target: embedded?.refresh(algorithm) },
      ])
    },
  }
}

async function besideLibrary(
  what: string,
  bare: Target | undefined,
  ours: { target: Target | undefined; budget?: Budget }[],
): Promise<Finding[]> {
  const servers = ours.filter(({ target }) => target !== undefined)
  const targets = [...(bare ? [bare] : []), ...servers.map(({ target }) => target!)]
  const [yard, ...series] = await interleaved([await yardstick(), ...targets])
  const library = bare && series.shift()
  return [
    ...(library
      ? [
          told(`${what}, library over Redis`, library.ratio(yard!), {
            unit: 'of the yardstick',
            digits: 3,
            note: costOf(library),
          }),
        ]
      : []),
    ...series.flatMap((one, index): Finding[] => {
      const kind = one.name.split(', ')[1]
      const row = `${what}, Gatehouse, ${kind}`
      const { budget } = servers[index]!
      const yardstickNote = `(${one.ratio(yard!).toFixed(3)} of the yardstick)`
      const rate = library
        ? [atLeast(row, 1, one.ratio(library), { unit: 'of the library', note: yardstickNote })]
        : [told(row, one.ratio(yard!), { unit: 'of the yardstick', digits: 3 })]
      if (!budget) return [...rate, told(`${row}: CPU`, one.median('cpu'), { unit: 'µs', digits: 0 })]
      return [
        ...rate,
        atMost(`${row}: CPU of the server`, budget.server, one.median('cpu'), { unit: 'µs', digits: 0 }),
        atMost(`${row}: CPU of PostgreSQL`, budget.database, one.median('databaseCpu'), { unit: 'µs', digits: 0 }),
      ]
    }),
  ]
}

function costOf(series: Series): string {
  return `(${series.median('cpu').toFixed(0)} µs CPU)`
}
