import { atMost, type Finding, type Row } from '../finding.ts'
import { measure, median } from '../measure.ts'
import { options } from '../options.ts'
import { type Gatehouse, type Kind, startGatehouse } from '../targets/gatehouse.ts'

const { people, seconds } = options
/** Few enough that the processors have room: what is measured is waiting for the change, not for each other. */
const connections = 8

/** The grants of a team that everybody is in change again and again, while tokens of its people are introspected. */
export const teamRow: Row = {
  name: `team of ${people} people`,
  async measure() {
    return [...(await measureOn('PostgreSQL')), ...(await measureOn('embedded'))]
  },
}

async function measureOn(kind: Kind): Promise<Finding[]> {
  const server = await startGatehouse(kind, { people })
  if (!server) return []
  const target = server.introspection()
  await measure(target, { connections, seconds: 1 })
  const rounds = []
  for (let round = 0; round < options.rounds; round++) {
    const quiet = await measure(target, { connections, seconds })
    const changes = changeUntilStopped(server)
    const busy = await measure(target, { connections, seconds })
    rounds.push({ ratio: busy.p99 / quiet.p99, quiet: quiet.p99, busy: busy.p99, took: await changes.stop() })
  }
  const what = `team of ${people} people, ${kind}`
  const note = `(${median(rounds.map(({ busy }) => busy)).toFixed(1)} against ${median(rounds.map(({ quiet }) => quiet)).toFixed(1)} ms)`
  return [
    atMost(`${what}: one grant changed`, 1, median(rounds.flatMap(({ took }) => took)), { unit: 's' }),
    atMost(`${what}: introspection's p99 meanwhile`, 3, median(rounds.map(({ ratio }) => ratio)), {
      unit: '× quiet',
      note,
    }),
  ]
}

/** @returns seconds that each change took, once stopped */
function changeUntilStopped(server: Gatehouse): { stop(): Promise<number[]> } {
  let stopped = false
  const changing = (async () => {
    const took: number[] = []
    while (!stopped) took.push(await changeGrant(server, took.length % 2 === 0))
    return took
  })()
  // Told where it is waited for.
  changing.catch(() => undefined)
  return {
    stop() {
      stopped = true
      return changing
    },
  }
}

async function changeGrant({ server: { port }, seeded }: Gatehouse, mayWrite: boolean): Promise<number> {
  const started = performance.now()
  const answer = await fetch(`http://localhost:${port}/v1/organizations/acme/teams/team_1/grants`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${seeded.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      permissions: ['configuration-items:read', ...(mayWrite ? ['configuration-items:write'] : [])],
      data_scopes: [{ source: 'kubernetes', scope_id: 'prod-cluster' }],
    }),
  })
  if (!answer.ok) throw new Error(`the team's grants were not changed: ${answer.status} ${await answer.text()}`)
  return (performance.now() - started) / 1000
}
