import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '64' },
    tokens: { type: 'string', default: '1000' },
    keys: { type: 'string', default: '1000' },
    'many-keys': { type: 'string', default: '1000000' },
    'many-teams': { type: 'string', default: '50' },
    'log-entries': { type: 'string', default: '0' },
    people: { type: 'string', default: '10000' },
    postgres: { type: 'string', default: process.env.BENCH_DATABASE_URL ?? 'postgres://127.0.0.1:5432/postgres' },
    profile: { type: 'string' },
  },
})

export interface Options {
  /** Only rows whose name holds this. */
  only: string
  /** Of each measurement; in every round each of what is compared has one. */
  seconds: number
  rounds: number
  connections: number
  tokens: number
  keys: number
  manyKeys: number
  manyTeams: number
  /** Of a log that is full before anything is measured; 0 leaves that row out. */
  logEntries: number
  /** In the one team whose grant is changed. */
  people: number
  postgres: string
  /** Where CPU profiles of Gatehouse go. */
  profile: string | undefined
}

export const options: Options = {
  only: values.only,
  seconds: Number(values.seconds),
  rounds: Number(values.rounds),
  connections: Number(values.connections),
  tokens: Number(values.tokens),
  keys: Number(values.keys),
  manyKeys: Number(values['many-keys']),
  manyTeams: Number(values['many-teams']),
  logEntries: Number(values['log-entries']),
  people: Number(values.people),
  postgres: values.postgres,
  profile: values.profile,
}
