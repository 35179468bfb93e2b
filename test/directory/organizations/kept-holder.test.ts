import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  holderAllowsKeysInQuery,
  holderEmail,
  holderEnded,
  holderJoins,
  holderOrganizationSlug,
  holderPermissions,
} from '#credentials/resolve/holder.ts'
import { insertMemberships, removeMemberships, updateMembership } from '#directory/organizations/save-membership.ts'
import { insertOrganizations, updateOrganization } from '#directory/organizations/save-organization.ts'
import { insertUsers, updateUser } from '#directory/users/save-user.ts'
import { newId } from '#foundation/crypto/ids.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { availableDatabases, type OpenTestDatabase, openTestDatabase } from '#support/databases.ts'
import { randomly } from '#support/random-grants.ts'

const people = Array.from({ length: 6 }, (_, n) => `usr_${n}`)
const places = Array.from({ length: 4 }, (_, n) => `org_${n}`)
const walkers = 6
const steps = 120

/** What the rows of person, organization and membership say themselves, put together here as they are. */
const said = sql`
  select p.id as user_id, o.id as organization_id, p.email, o.slug, o.allows_keys_in_query as keys,
    case
      when p.deactivated_at is not null then 'user_deactivated'
      when o.suspended_at is not null then 'organization_suspended'
      when p.superadmin then null
      when m.id is null then 'membership_removed'
      when m.deactivated_at is not null then 'membership_deactivated'
    end as ended,
    case when p.superadmin then '["*"]' else coalesce(m.effective_permissions::text, '[]') end as permissions
  from users p cross join organizations o
  left join memberships m on m.user_id = p.id and m.organization_id = o.id order by p.id, o.id`

const kept = sql`
  select c.user_id, c.organization_id, ${sql.raw(holderEmail)} as email, ${sql.raw(holderOrganizationSlug)} as slug,
    ${sql.raw(holderAllowsKeysInQuery)} as keys, ${sql.raw(holderEnded)} as ended,
    ${sql.raw(holderPermissions)} as permissions
  from (select p.id as user_id, o.id as organization_id, null::text as client_id
    from users p cross join organizations o) as c ${sql.raw(holderJoins)} order by c.user_id, c.organization_id`

describe.each(availableDatabases())('what a membership keeps of its person and organization, on %s', (kind) => {
  let store: OpenTestDatabase
  beforeAll(async () => {
    store = await openTestDatabase(kind)
    await insertUsers(
      store.db,
      people.map((id) => personOf(id)),
    )
    await insertOrganizations(
      store.db,
      places.map((id, n) => ({
        id,
        slug: `place-${n}`,
        name: id,
        logoUrl: null,
        accentColor: null,
        joinByDomain: false,
        active: true,
      })),
    )
  })
  afterAll(() => store.close())

  test.each([1, 2, 3])(
    `is what those say, after ${walkers} have changed everything side by side, seed %i`,
    async (seed) => {
      await Promise.all(
        Array.from({ length: walkers }, async (_, walker) => {
          const random = randomly(seed * 100 + walker)
          for (let step = 0; step < steps; step++) {
            const name = `${seed}-${walker}-${step}`
            await store.db.transaction().execute((tx) => change(tx, random, name))
          }
        }),
      )
      const { rows } = await sql`select from memberships`.execute(store.db)
      expect(rows.length).toBeGreaterThan(0)
      expect((await kept.execute(store.db)).rows).toEqual((await said.execute(store.db)).rows)
    },
    120_000,
  )
})

/** Only what is there is changed; two who add one membership at one moment are no mistake here. */
async function change(tx: Queryable, random: ReturnType<typeof randomly>, name: string): Promise<void> {
  const [userId, organizationId] = [random.oneOf(people), random.oneOf(places)]
  const active = random.chance(0.6)
  const changes = {
    email: () => updateUser(tx, userId, { email: `${name}@acme.test` }),
    superadmin: () => updateUser(tx, userId, { superadmin: random.chance(0.2) }),
    userActive: () => updateUser(tx, userId, { active }),
    slug: () => sql`update organizations set slug = ${`slug-${name}`} where id = ${organizationId}`.execute(tx),
    organizationActive: () => updateOrganization(tx, organizationId, { active }),
    keysInQuery: () => updateOrganization(tx, organizationId, { allowsKeysInQuery: active }),
    join: () => join(tx, userId, organizationId, active),
    leave: async () => {
      const id = await membershipOf(tx, userId, organizationId)
      if (id) await removeMemberships(tx, organizationId, [id])
    },
    memberActive: async () => {
      const id = await membershipOf(tx, userId, organizationId)
      if (id) await updateMembership(tx, { id, organizationId }, { active })
    },
  }
  await random.oneOf(Object.values(changes))()
}

async function join(tx: Queryable, userId: string, organizationId: string, active: boolean): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext(${userId + organizationId}))`.execute(tx)
  if (await membershipOf(tx, userId, organizationId)) return
  await insertMemberships(tx, [{ id: newId('membership'), organizationId, userId, admin: false, active }])
}

async function membershipOf(tx: Queryable, userId: string, organizationId: string): Promise<string | undefined> {
  const query = tx.selectFrom('memberships').select('id').where('userId', '=', userId)
  return (await query.where('organizationId', '=', organizationId).executeTakeFirst())?.id
}

function personOf(id: string) {
  return {
    id,
    email: `${id}@acme.test`,
    name: id,
    superadmin: false,
    passwordHash: null,
    active: true,
    emailVerified: true,
  }
}
