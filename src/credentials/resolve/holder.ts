/*
 * Who a credential acts for and what that may do and see at this moment, as SQL. The statement that answers introspection
 * is made of it, and whatever tells what introspection would answer: so they cannot differ.
 *
 * `c` is what names the holder: a row with `user_id`, `client_id` and `organization_id`.
 */
export const holderJoins = `
    left join clients cl on cl.client_id = c.client_id
    left join users u on u.id = c.user_id
    left join organizations o on o.id = c.organization_id
    left join memberships ms on ms.user_id = c.user_id and ms.organization_id = c.organization_id`

/**
 * Why nothing of theirs works; null: it does. A deactivated user is refused before superadmin counts; a superadmin needs no
 * membership.
 */
export const holderEnded = `case
        when u.deactivated_at is not null then 'user_deactivated'
        when o.suspended_at is not null then 'organization_suspended'
        when cl.deactivated_at is not null then 'client_deactivated'
        when c.user_id is not null and not u.superadmin and ms.id is null then 'membership_removed'
        when c.user_id is not null and not u.superadmin and ms.deactivated_at is not null
          then 'membership_deactivated'
      end`

/** JSON text, sorted. */
export const holderPermissions = `case when u.superadmin then '["*"]'
        else coalesce(ms.effective_permissions, cl.permissions, '[]')::text end`

/** JSON text, sorted. */
export const holderDataScopes = `case when u.superadmin then '[{"source":null,"scope_id":null}]'
        else coalesce(ms.effective_data_scopes, cl.data_scopes, '[]')::text end`
