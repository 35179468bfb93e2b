import { z } from 'zod'
import { canonicalGrants, type Grants } from '#directory/access/grants.ts'
import { setGrantsOfMember, setGrantsOfTeam } from '#directory/access/set-grants.ts'
import { requireTeam } from '#directory/access/team-queries.ts'
import { requireManagedClient } from '#directory/clients/managed-client.ts'
import { setGrantsOfServiceAccount } from '#directory/clients/set-service-account-grants.ts'
import { requireMembership } from '#directory/organizations/manage-member.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'
import { fromGrants, grants, grantsInput, toGrants } from './granted.ts'

const tags: [string] = ['Grants']
const path = '/v1/organizations/{org}'
const memberPath = `${path}/members/{user}/grants`
const teamPath = `${path}/teams/{team}/grants`
const accountPath = `${path}/service-accounts/{client_id}/grants`

const ofMember = z.strictObject({ org: z.string(), user: z.string() })
const ofTeam = z.strictObject({ org: z.string(), team: z.string() })
const ofAccount = z.strictObject({ org: z.string(), client_id: z.string().meta({ examples: ['nightly-export'] }) })

const replaced =
  'Replaces both lists, at once for every token and API key. The answer is what is granted now, in its one spelling: sorted, ' +
  'each once, without data scopes that a wider one covers; a permission stays beside the wildcard that covers it, for a ' +
  'resource server may look for its name. Sending what is granted already changes nothing. An administrator may grant ' +
  'anything in their organization, whether they hold it or not; no grant makes anybody an administrator.'

/** What members, teams and service accounts are given. */
export function grantsApi(): ApiRoute[] {
  return [...memberRoutes(), ...teamRoutes(), ...accountRoutes()]
}

function memberRoutes(): ApiRoute[] {
  return [
    apiRoute({
      name: 'getGrantsOfMember',
      method: 'GET',
      path: memberPath,
      summary: 'Read what a member is given directly',
      description: 'Without what their teams give: `/v1/authorization/explain` tells of both.',
      tags,
      params: ofMember,
      answer: grants,
      find: ({ db, organization, params }) => requireMembership(db, organization.id, params.user),
      handle: async ({ found }) => toAnswer(found),
    }),
    apiRoute({
      name: 'setGrantsOfMember',
      method: 'PUT',
      path: memberPath,
      summary: 'Set what a member is given directly',
      description: replaced,
      tags,
      params: ofMember,
      body: grantsInput,
      answer: grants,
      find: ({ db, organization, params }) => requireMembership(db, organization.id, params.user),
      handle: async ({ db, actor, organization, found, body }) =>
        toAnswer(await setGrantsOfMember(db, { actor, organization }, found, toGrants(body))),
    }),
  ]
}

function teamRoutes(): ApiRoute[] {
  return [
    apiRoute({
      name: 'getGrantsOfTeam',
      method: 'GET',
      path: teamPath,
      summary: 'Read what a team gives to its members',
      tags,
      params: ofTeam,
      answer: grants,
      find: ({ db, organization, params }) => requireTeam(db, organization.id, params.team),
      handle: async ({ found }) => toAnswer(found),
    }),
    apiRoute({
      name: 'setGrantsOfTeam',
      method: 'PUT',
      path: teamPath,
      summary: 'Set what a team gives to its members',
      description: replaced,
      tags,
      params: ofTeam,
      body: grantsInput,
      answer: grants,
      find: ({ db, organization, params }) => requireTeam(db, organization.id, params.team),
      handle: async ({ db, actor, organization, found, body }) =>
        toAnswer(await setGrantsOfTeam(db, { actor, organization }, found, toGrants(body))),
    }),
  ]
}

function accountRoutes(): ApiRoute[] {
  return [
    apiRoute({
      name: 'getGrantsOfServiceAccount',
      method: 'GET',
      path: accountPath,
      summary: 'Read what a service account may do and see',
      tags,
      params: ofAccount,
      answer: grants,
      find: ({ db, organization, params }) => requireManagedClient(db, organization, params.client_id),
      handle: async ({ found }) => toAnswer(found),
    }),
    apiRoute({
      name: 'setGrantsOfServiceAccount',
      method: 'PUT',
      path: accountPath,
      summary: 'Set what a service account may do and see',
      description: replaced,
      tags,
      params: ofAccount,
      body: grantsInput,
      answer: grants,
      find: ({ db, organization, params }) => requireManagedClient(db, organization, params.client_id),
      handle: async ({ db, actor, organization, found, body }) =>
        toAnswer(await setGrantsOfServiceAccount(db, { actor, organization }, found, toGrants(body))),
    }),
  ]
}

/** A founder's, or what an older version wrote, in the spelling of today: reading and setting it again changes nothing. */
function toAnswer(granted: Grants) {
  return fromGrants(canonicalGrants(granted))
}
