import { z } from 'zod'
import { createTeam, deleteTeam, placeInTeam, renameTeam } from '#directory/access/manage-team.ts'
import {
  type Listed,
  listTeamMembers,
  listTeamPage,
  requireTeam,
  type TeamMember,
} from '#directory/access/team-queries.ts'
import { requireMembership } from '#directory/organizations/manage-member.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Organization, Team } from '#foundation/database/schema.ts'
import { listOf, pageOf, pageQuery } from '#foundation/http/list.ts'
import { displayName } from '#foundation/values/names.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'
import { dataScopes, grantsShape, permissions, toGrants } from '#surfaces/grants/granted.ts'

const tags: [string] = ['Teams']
const teamsPath = '/v1/organizations/{org}/teams'
const teamPath = `${teamsPath}/{team}`
const memberPath = `${teamPath}/members/{user}`

const ofOrganization = z.strictObject({ org: z.string() })
const ofTeam = ofOrganization.extend({ team: z.string() })
const ofMember = ofTeam.extend({ user: z.string() })
const name = displayName.describe('Unique in the organization, in whatever spelling').meta({ examples: ['readers'] })

/** `/v1/organizations/{org}/teams`: teams of an organization, and who is in them. */
export function teamApi(): ApiRoute[] {
  return [...teamRoutes(), ...memberRoutes()]
}

function teamRoutes(): ApiRoute[] {
  return [
    apiRoute({
      name: 'listTeams',
      method: 'GET',
      path: teamsPath,
      summary: 'List the teams of an organization',
      tags,
      params: ofOrganization,
      query: z.strictObject(pageQuery),
      answer: listOf(team),
      handle: async ({ db, organization, query }) =>
        pageOf(await listTeamPage(db, organization.id, query), query.limit, ({ position }) => position, toAnswer),
    }),
    apiRoute({
      name: 'createTeam',
      method: 'POST',
      path: teamsPath,
      summary: 'Create a team',
      description: 'Nobody is in it yet. What it gives to its members may be said now, or later at `…/grants`.',
      tags,
      params: ofOrganization,
      body: z.strictObject({ name, permissions: permissions.default([]), data_scopes: dataScopes.default([]) }),
      status: 201,
      answer: team,
      errors: ['conflict'],
      handle: async ({ db, actor, organization, body }) =>
        toAnswer(await createTeam(db, { actor, organization }, { name: body.name, ...toGrants(body) })),
    }),
    apiRoute({
      name: 'getTeam',
      method: 'GET',
      path: teamPath,
      summary: 'Read a team',
      tags,
      params: ofTeam,
      answer: team,
      find: ({ db, organization, params }) => requireTeam(db, organization.id, params.team),
      handle: async ({ found }) => toAnswer(found),
    }),
    apiRoute({
      name: 'editTeam',
      method: 'PATCH',
      path: teamPath,
      summary: 'Rename a team',
      description: 'Its members and grants stay. A setup file knows the team by its name, and makes another one.',
      tags,
      params: ofTeam,
      body: z.strictObject({ name: name.optional() }),
      answer: team,
      errors: ['conflict'],
      find: ({ db, organization, params }) => requireTeam(db, organization.id, params.team),
      handle: async ({ db, actor, organization, found, body }) =>
        toAnswer(await renameTeam(db, { actor, organization }, found, body)),
    }),
    apiRoute({
      name: 'deleteTeam',
      method: 'DELETE',
      path: teamPath,
      summary: 'Delete a team',
      description:
        'Its members lose at once what they have from this team alone: so do their tokens and API keys, in the very next ' +
        'answer. They stay members of the organization. Invitations and connections that put people into the team go on ' +
        'without it. `GET /v1/authorization/impact?change=team_deleted&team=…` says beforehand who loses what.',
      tags,
      params: ofTeam,
      find: ({ db, organization, params }) => requireTeam(db, organization.id, params.team),
      handle: ({ db, actor, organization, found }) => deleteTeam(db, { actor, organization }, found),
    }),
  ]
}

function memberRoutes(): ApiRoute[] {
  return [
    apiRoute({
      name: 'listTeamMembers',
      method: 'GET',
      path: `${teamPath}/members`,
      summary: 'List who is in a team',
      description: 'The last who came first.',
      tags,
      params: ofTeam,
      query: z.strictObject(pageQuery),
      answer: listOf(teamMember),
      find: ({ db, organization, params }) => requireTeam(db, organization.id, params.team),
      handle: async ({ db, found, query }) =>
        pageOf(await listTeamMembers(db, found.id, query), query.limit, ({ position }) => position, toMember),
    }),
    apiRoute({
      name: 'addTeamMember',
      method: 'PUT',
      path: memberPath,
      summary: 'Put a member into a team',
      description: 'What the team gives is theirs in the very next answer. Who is in it already stays.',
      tags,
      params: ofMember,
      find: findPlace,
      handle: ({ db, actor, organization, found }) => placeInTeam(db, { actor, organization }, found, 'join'),
    }),
    apiRoute({
      name: 'removeTeamMember',
      method: 'DELETE',
      path: memberPath,
      summary: 'Take a member out of a team',
      description:
        'They lose at once what they have from this team alone. Who is not in it stays out of it. ' +
        '`GET /v1/authorization/impact?change=team_member_removed&team=…&user=…` says beforehand what that is.',
      tags,
      params: ofMember,
      find: findPlace,
      handle: ({ db, actor, organization, found }) => placeInTeam(db, { actor, organization }, found, 'leave'),
    }),
  ]
}

async function findPlace(request: {
  db: Queryable
  organization: Organization
  params: { team: string; user: string }
}) {
  const { db, organization, params } = request
  const team = await requireTeam(db, organization.id, params.team)
  return { team, member: await requireMembership(db, organization.id, params.user) }
}

function toAnswer({ id, name, permissions, dataScopes, createdAt }: Team) {
  return { id, name, permissions, data_scopes: dataScopes, created_at: createdAt.toISOString() }
}

function toMember({ userId, email, name, admin, active, createdAt }: Listed<TeamMember>) {
  return { user: { id: userId, email, name }, admin, active, created_at: createdAt.toISOString() }
}

const team = z
  .object({
    id: z.string().meta({ examples: ['team_3kT0aXbY7LqPzR5vWn2c'] }),
    name: z.string().meta({ examples: ['readers'] }),
    ...grantsShape,
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Team', description: 'A named group of members of one organization' })

const teamMember = z
  .object({
    user: z.object({ id: z.string(), email: z.string(), name: z.string() }),
    admin: z.boolean().describe('Whether they administer the organization'),
    active: z.boolean().describe('Whether they can act in it: neither they nor their membership is switched off'),
    created_at: z.iso.datetime().describe('When they came into the team'),
  })
  .meta({ id: 'TeamMember', description: 'A member of a team' })
