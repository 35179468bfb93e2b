/*
 * Who a credential acts for and what that may do and see at this moment, as SQL. The statement that answers introspection
 * is made of it, and whatever tells what introspection would answer: so they cannot differ.
 *
 * A membership's row keeps what it takes from the rows of its person and its organization (triggers of the database see to
 * that), so those are looked up only where there is no membership: of a superadmin elsewhere, of a service account, of who
 * was removed.
 *
 * `c` is what names the holder: a row with `user_id`, `client_id` and `organization_id`.
 */
export const holderJoins = `
    left join clients cl on cl.client_id = c.client_id
    left join memberships ms on ms.user_id = c.user_id and ms.organization_id = c.organization_id
    left join lateral (
      select u.email, u.superadmin, u.deactivated_at, u.xmin as user_version,
        o.slug, o.suspended_at, o.allows_keys_in_query, o.xmin as organization_version
      from (select) as one left join users u on u.id = c.user_id left join organizations o on o.id = c.organization_id
      where ms.id is null limit 1
    ) alone on true`

const superadmin = 'coalesce(ms.user_superadmin, alone.superadmin)'

/** Null of a service account. */
export const holderEmail = 'coalesce(ms.user_email, alone.email)'

export const holderSuperadmin = `coalesce(ms.user_superadmin, alone.superadmin, false)`

export const holderOrganizationSlug = 'coalesce(ms.organization_slug, alone.slug)'

export const holderAllowsKeysInQuery = 'coalesce(ms.allows_keys_in_query, alone.allows_keys_in_query, true)'

/** Another where any row that these are made of was written since: the numbers of the transactions that wrote them. */
export const holderVersion = `concat_ws(' ', coalesce(cl.xmin, '0'), coalesce(ms.xmin, '0'), coalesce(alone.user_version, '0'),
  alone.organization_version)`

/**
 * Why nothing of theirs works; null: it does. A deactivated user is refused before superadmin counts; a superadmin needs no
 * membership.
 */
export const holderEnded = `case
        when coalesce(ms.user_deactivated, alone.deactivated_at is not null) then 'user_deactivated'
        when coalesce(ms.organization_suspended, alone.suspended_at is not null) then 'organization_suspended'
        when cl.deactivated_at is not null then 'client_deactivated'
        when c.user_id is not null and not ${superadmin} and ms.id is null then 'membership_removed'
        when ms.deactivated_at is not null and not ms.user_superadmin then 'membership_deactivated'
      end`

/** JSON text, sorted. */
export const holderPermissions = `case when ${superadmin} then '["*"]'
        else coalesce(ms.effective_permissions, cl.permissions, '[]')::text end`

/** JSON text, sorted. */
export const holderDataScopes = `case when ${superadmin} then '[{"source":null,"scope_id":null}]'
        else coalesce(ms.effective_data_scopes, cl.data_scopes, '[]')::text end`
