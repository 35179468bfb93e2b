import type { DataScope } from '#foundation/values/data-scope.ts'

/** Few names, so that grants meet each other: the catalogue of the usual setup, and the wildcards that cover it. */
export const randomGrants = {
  permissions: ['configuration-items:read', 'configuration-items:write', 'reports:read', 'configuration-items:*', '*'],
  scopes: [
    { source: 'kubernetes', scope_id: 'a' },
    { source: 'kubernetes', scope_id: 'b' },
    { source: 'kubernetes', scope_id: null },
    { source: 'proxmox', scope_id: 'a' },
    { source: null, scope_id: null },
  ] as DataScope[],
}

/** The same choices for the same seed (mulberry32). */
export function randomly(seed: number) {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const chance = (of = 0.5) => next() < of
  return {
    chance,
    oneOf: <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!,
    /** What everything holds is rare, or nothing else would ever count. */
    grants: () => ({
      permissions: randomGrants.permissions.filter((one) => chance(one === '*' ? 0.1 : 0.4)),
      data_scopes: randomGrants.scopes.filter(({ source, scope_id }) =>
        chance(source === null ? 0.1 : scope_id === null ? 0.2 : 0.4),
      ),
    }),
  }
}
