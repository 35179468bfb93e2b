import { atLeast, atMost, type Finding, type Row, told } from '../finding.ts'
import { interleaved } from '../measure.ts'
import { gatehouse } from '../targets/gatehouse.ts'
import { library } from '../targets/library.ts'
import { yardstick } from '../targets/yardstick.ts'

export const introspectionRow: Row = {
  name: 'introspection, with the log',
  async measure() {
    const [postgres, embedded, bare] = [await gatehouse('PostgreSQL'), await gatehouse('embedded'), await library()]
    const servers = [postgres?.introspection(), embedded?.introspection(), bare?.introspection].filter((one) => !!one)
    const [yard, ...series] = await interleaved([await yardstick(), ...servers])
    return series.flatMap((one): Finding[] => {
      const what = `introspection, ${one.name.split(', ').slice(0, -1).join(', ')}`
      const ratio = one.ratio(yard!)
      const cpu = one.ratio(yard!, 'cpu')
      const rate = { unit: 'of the yardstick' }
      if (one.name.includes('PostgreSQL')) {
        return [
          atLeast(what, 0.4, ratio, rate),
          atMost(`${what}: CPU of the server`, 2, cpu, {
            unit: '× the yardstick',
            note: `(${one.median('cpu').toFixed(0)} µs)`,
          }),
          atMost(`${what}: CPU of PostgreSQL`, 15, one.median('databaseCpu'), { unit: 'µs', digits: 0 }),
        ]
      }
      if (one.name.includes('embedded')) {
        return [
          atLeast(what, 0.3, ratio, rate),
          told(`${what}: CPU`, cpu, { unit: '× the yardstick', note: `(${one.median('cpu').toFixed(0)} µs)` }),
        ]
      }
      return [told(what, ratio, rate)]
    })
  },
}

const fewConnections = 8

export const latencyRow: Row = {
  name: 'introspection at 8 connections',
  async measure() {
    const servers = [await gatehouse('PostgreSQL'), await gatehouse('embedded')].filter((one) => !!one)
    const targets = servers.map((server) => server.introspection())
    const series = await interleaved([await yardstick(), ...targets], { connections: fewConnections })
    return series.slice(1).map((one, index) => {
      const what = `introspection at ${fewConnections} connections, Gatehouse, ${servers[index]!.kind}: p50`
      const note = `(yardstick ${series[0]!.median('p50').toFixed(2)})`
      return atMost(what, 1.2, one.median('p50'), { unit: 'ms', note })
    })
  },
}
