import { z } from 'zod'
import { activityOfConnections, failureDays } from '#authentication/connections/connection-activity.ts'
import { upstreamTargets } from '#authentication/connections/connection-addresses.ts'
import { editConnection, listTeams, namesOf } from '#authentication/connections/save-connection.ts'
import { type TriedStep, tryConnection } from '#authentication/connections/try-connection.ts'
import { UpstreamError } from '#authentication/connections/upstream-error.ts'
import type { Connection } from '#foundation/database/schema.ts'
import { parse } from '#foundation/http/parse.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { type Message, message } from '#foundation/messages/message.ts'
import { sentence } from '#foundation/messages/sentence.ts'
import {
  type ConnectionRequest,
  managementOf,
  ownerIdOf,
  pageOfConnection,
  requireNamed,
  shownConnection,
} from './managed-connection.ts'

/** What the page says of the action that led back to it. */
const doneKinds = ['created', 'created_elsewhere', 'saved', 'on', 'off', 'required', 'not_required'] as const
const pageQuery = z.object({ done: z.enum(doneKinds).optional().catch(undefined) })

export async function showConnection(request: ConnectionRequest): Promise<void> {
  const { done } = parse(pageQuery, { ...request.ctx.query })
  await renderConnection(request, await requireNamed(request), { done: done && message(`connections.done.${done}`) })
}

/** One that its organization requires locks people out as soon as it is on: that is asked about first. */
export async function postState(request: ConnectionRequest): Promise<void> {
  const { ctx, db, form } = request
  const connection = await requireNamed(request)
  const page = pageOfConnection(request, connection)
  const enabled = form.enabled === 'yes'
  if (enabled && connection.required && !connection.enabled) return seeOther(ctx, `${page}/required`)
  await editConnection(db, request, managementOf(request), connection.name, { enabled })
  seeOther(ctx, `${page}?done=${enabled ? 'on' : 'off'}`)
}

/** To the provider and back, as a sign-in goes; what came of it is shown where that ends. */
export async function postTry(request: ConnectionRequest): Promise<void> {
  const { ctx, signedIn, upstreamTransactions } = request
  const connection = await requireNamed(request)
  const { user, sessionUid } = signedIn
  const purpose = { kind: 'try', userId: user.id, sessionUid, organizationId: ownerIdOf(request) } as const
  try {
    const wishes = { loginHint: undefined, fresh: false }
    seeOther(ctx, await upstreamTransactions.begin(ctx, connection, purpose, wishes))
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error
    // The provider could not even be asked where to go: what is amiss, the steps tell.
    await renderConnection(request, connection, { steps: await stepsOf(request, connection) }, 502)
  }
}

/** Nothing changes by it, so what it found is the answer itself. */
export async function postCheck(request: ConnectionRequest): Promise<void> {
  const connection = await requireNamed(request)
  await renderConnection(request, connection, { steps: await stepsOf(request, connection) })
}

function stepsOf(request: ConnectionRequest, connection: Connection): Promise<TriedStep[]> {
  return tryConnection(connection, { ...request, fetch: request.outboundFetch })
}

async function renderConnection(
  request: ConnectionRequest,
  connection: Connection,
  { steps, done }: { steps?: TriedStep[]; done?: Message | undefined },
  status = 200,
): Promise<void> {
  const { db, at, owner, signedIn, show } = request
  const organizationId = ownerIdOf(request)
  const [activity, teams] = await Promise.all([
    activityOfConnections(db, { organizationId }, [connection.id], new Date()),
    listTeams(db, organizationId),
  ])
  const names = namesOf(teams)
  await show(
    'connections/connection',
    {
      at,
      owner,
      organizationName: signedIn.organization.name,
      connection: {
        ...shownConnection(request, connection),
        ...activity.get(connection.id),
        hasSecret: connection.clientSecret !== null,
        jit: connection.jit,
        signOut: connection.signOut,
        groupClaim: connection.groupClaim,
        groupCount: Object.keys(connection.groupTeamIds).length,
        defaultTeams: connection.defaultTeamIds.flatMap((id) => names.get(id) ?? []).sort(),
      },
      failureDays,
      steps: steps?.map(shownStep),
      done,
      formTargets: upstreamTargets([connection]),
    },
    status,
  )
}

function shownStep({ step, outcome, detail }: TriedStep) {
  const tone = { ok: 'good', failed: 'bad', skipped: '' }[outcome]
  return {
    name: message(`connections.step.${step}`),
    tone,
    outcome: message(`connections.step_outcome.${outcome}`),
    detail:
      step === 'redirect_uri' && outcome !== 'ok'
        ? message(`connections.step_detail.redirect_uri_${outcome}`)
        : sentence(detail),
  }
}
