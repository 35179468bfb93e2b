import {
  type Attention,
  attentionOf,
  countsOfOrganization,
  type FirstSteps,
  firstStepsOf,
  type OrganizationCounts,
} from '#authentication/overview/organization-overview.ts'
import { activityByDay } from '#credentials/log/uses-by-day.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Route } from '#foundation/http/router.ts'
import { type Message, message } from '#foundation/messages/message.ts'
import { activityPictures } from '#surfaces/authentication-log/activity-pictures.ts'
import type { SignedInPages, SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'

/** The first page of an organization's administrators: what there is, what happens, and what needs them. */
export function overviewPages({ pages, db }: { pages: SignedInPages; db: Queryable }): Route[] {
  const { page } = pages.with({ db })
  return [['GET', '/admin', page(showOverview)]]
}

async function showOverview({ db, signedIn, show }: SignedInRequest & { db: Queryable }): Promise<void> {
  const { organization, user } = signedIn
  const subject = { of: 'organization', organizationId: organization.id } as const
  const [counts, steps, attention, activity] = await Promise.all([
    countsOfOrganization(db, organization.id),
    firstStepsOf(db, { organizationId: organization.id, userId: user.id }),
    attentionOf(db, organization.id, new Date()),
    activityByDay(db, [subject]),
  ])
  await show('overview', {
    at: '/admin',
    organizationName: organization.name,
    tiles: tilesOf(counts),
    steps: stepsOf(steps),
    matters: mattersOf(attention, counts),
    pictures: activityPictures(activity),
  })
}

interface Tile {
  number: number
  label: Message
  note?: Message
  href: string
}

function tilesOf(counts: OrganizationCounts): Tile[] {
  const { members, admins, openInvitations, teams, apiKeys, serviceAccounts, connections } = counts
  const note = message('console.overview.members_note', { admins, invitations: openInvitations })
  const of = (count: number) => ({ count })
  return [
    { number: members, label: message('console.overview.members', of(members)), note, href: '/admin/members' },
    { number: teams, label: message('console.overview.teams', of(teams)), href: '/admin/teams' },
    { number: apiKeys, label: message('console.overview.api_keys', of(apiKeys)), href: '/admin/api-keys' },
    {
      number: serviceAccounts,
      label: message('console.overview.service_accounts', of(serviceAccounts)),
      href: '/admin/service-accounts',
    },
    {
      number: connections,
      label: message('console.overview.connections', of(connections)),
      href: '/admin/connections',
    },
  ]
}

interface Step {
  done: boolean
  title: Message
  why: Message
  href: string
}

/** Undefined once all of them are taken: nobody needs the list any more. */
function stepsOf(steps: FirstSteps): Step[] | undefined {
  if (Object.values(steps).every(Boolean)) return undefined
  const step = (name: 'invite' | 'access' | 'signed_in' | 'key', done: boolean, href: string): Step => {
    return { done, title: message(`console.steps.${name}`), why: message(`console.steps.${name}_why`), href }
  }
  return [
    step('invite', steps.teammateInvited, '/admin/members/invite'),
    step('access', steps.accessGiven, '/admin/grants'),
    step('signed_in', steps.teammateSignedIn, '/admin/authentication-log'),
    step('key', steps.serviceHasKey, '/admin/service-accounts'),
  ]
}

/** Something to see to: what it is, which ones, and where it is put right. */
interface Matter {
  tone: 'warn' | 'bad'
  title: Message
  details: (string | Message)[]
  cure: Message
  href: string
}

function mattersOf(attention: Attention, { admins, members }: OrganizationCounts): Matter[] {
  const { expiringApiKeys, expiringSecrets, unverifiedDomains, staleInvitations, failingConnections } = attention
  const failing = failingConnections.map(
    ({ name, times }): Matter => ({
      tone: 'bad',
      title: message('console.attention.connection', { name, times }),
      details: [],
      cure: message('console.attention.connection_cure'),
      href: '/admin/authentication-log?outcome=refused',
    }),
  )
  const matters: (Matter | undefined)[] = [
    ...failing,
    matter('api_keys', expiringApiKeys, '/admin/api-keys?status=active', ({ name, ownerName, expiresAt }) =>
      message('console.attention.api_key', { name, owner: ownerName, when: expiresAt }),
    ),
    matter('secrets', expiringSecrets, '/admin/service-accounts', ({ clientName, expiresAt }) =>
      message('console.attention.secret', { name: clientName, when: expiresAt }),
    ),
    matter('domains', unverifiedDomains, '/admin/domains', ({ domain }) => domain),
    matter('invitations', staleInvitations, '/admin/members/invitations', ({ email }) => email),
    admins === 1 && members > 1
      ? {
          tone: 'warn',
          title: message('console.attention.admin_alone'),
          details: [message('console.attention.admin_alone_why')],
          cure: message('console.attention.admin_alone_cure'),
          href: '/admin/members',
        }
      : undefined,
  ]
  return matters.filter((one) => one !== undefined)
}

function matter<Thing>(
  name: 'api_keys' | 'secrets' | 'domains' | 'invitations',
  { count, first }: { count: number; first: Thing[] },
  href: string,
  detailOf: (thing: Thing) => string | Message,
): Matter | undefined {
  if (count === 0) return undefined
  const more = count - first.length
  return {
    tone: 'warn',
    title: message(`console.attention.${name}`, { count }),
    details: [...first.map(detailOf), ...(more > 0 ? [message('console.attention.and_more', { count: more })] : [])],
    cure: message(`console.attention.${name}_cure`),
    href,
  }
}
