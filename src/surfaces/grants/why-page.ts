import { readCatalogue } from '#directory/access/authorization-queries.ts'
import { describeDataScope, describePermission } from '#directory/access/describe-authorization.ts'
import { type Explanation, explainAuthorization, type Missing } from '#directory/access/explain-authorization.ts'
import { dataScope, grantedPermission } from '#directory/access/grants.ts'
import { type Message, message, type Text } from '#foundation/messages/message.ts'
import type { DataScope } from '#foundation/values/data-scope.ts'
import { type GrantHolder, grantsPath, pathOfTeam } from './grant-holder.ts'
import type { HolderRequest } from './show-grants.ts'

/** Where somebody has a permission or a data scope from, or why they have it not: decided where introspection decides. */
export async function showWhy(request: HolderRequest): Promise<void> {
  const { ctx, db, actor, find, show } = request
  const holder = await find(request, ctx.params.name ?? '')
  const asked = askedOf(ctx.query)
  const catalogue = await readCatalogue(db)
  const of = holder.kind === 'service_account' ? { clientId: holder.id } : { userId: holder.id }
  const isAsked = asked.permission !== undefined || asked.scope !== undefined
  const found = isAsked && (await explainAuthorization(db, { organizationId: actor.organizationId, ...of }, asked))
  await show('grants/why', {
    at: grantsPath,
    holder: { kind: holder.kind, name: holder.name, detail: holder.detail, path: holder.path },
    asked: {
      permission: asked.permission ?? '',
      source: asked.scope?.source ?? '',
      scopeId: asked.scope?.scope_id ?? '',
    },
    title: asked.permission ?? (asked.scope && describeDataScope(asked.scope)),
    words: asked.permission && describePermission(asked.permission, catalogue),
    explanation: found && toView(found, holder),
    permissions: [...catalogue.keys()],
  })
}

/** What is no permission and no data scope is not asked about. */
function askedOf(query: Record<string, unknown>): { permission?: string; scope?: DataScope } {
  const permission = grantedPermission.safeParse(query.permission)
  if (permission.success) return { permission: permission.data }
  const part = (value: unknown) => (typeof value === 'string' && value !== '' ? value : null)
  const { source, scope_id } = query
  if (source === '*') return { scope: { source: null, scope_id: null } }
  const scope = dataScope.safeParse({ source: part(source), scope_id: part(scope_id) })
  return scope.success && scope.data.source !== null ? { scope: scope.data } : {}
}

interface WhyLine {
  text: Message
  grant: Text
  /** Where it is changed. */
  href: string | undefined
}

function toView({ allowed, because, missing }: Explanation, holder: GrantHolder) {
  return {
    allowed,
    because: because.map(({ origin, grant }): WhyLine => {
      const what = typeof grant === 'string' ? grant : describeDataScope(grant)
      if (origin === 'direct') return { text: message('grants.why_direct'), grant: what, href: holder.path }
      if (origin === 'superadmin') return { text: message('grants.why_superadmin'), grant: what, href: undefined }
      const { id, name } = origin.team
      return { text: message('grants.why_team', { team: name }), grant: what, href: pathOfTeam(id) }
    }),
    missing: missing.map(missingText),
  }
}

function missingText(missing: Missing): Message {
  if (!('reason' in missing)) return message('grants.why_nothing')
  return message(`grants.why_${missing.reason}`)
}
