import { describe, expect, test } from 'vitest'
import { isInCatalogue } from '#directory/access/grants.ts'
import { covers, intersectPermissions, isPermission, unionOfPermissions } from '#foundation/values/permission.ts'

test.each(['configuration-items:read', 'configuration-items:*', '*', 'a.b_c:d.e'])('%s is a permission', (value) => {
  expect(isPermission(value)).toBe(true)
})

test.each([
  '',
  'read',
  ':read',
  'items:',
  '*:read',
  '*:*',
  'Items:read',
  'items:read:all',
  'items read',
  '**',
  'items:r*',
])('%j is no permission', (value) => {
  expect(isPermission(value)).toBe(false)
})

describe('what a granted permission answers for', () => {
  test.each([
    ['items:read', 'items:read', true],
    ['items:read', 'items:write', false],
    ['items:*', 'items:read', true],
    ['items:*', 'items:*', true],
    ['items:*', 'items-archive:read', false],
    ['items:read', 'items:*', false],
    ['*', 'items:read', true],
    ['*', '*', true],
    ['items:*', '*', false],
  ])('%s for %s: %s', (granted, wanted, answer) => {
    expect(covers(granted, wanted)).toBe(answer)
  })
})

// S0-24
test('read from one team and write from another make both, sorted and without duplicates', () => {
  expect(unionOfPermissions([['items:write'], ['items:read', 'items:write'], []])).toEqual([
    'items:read',
    'items:write',
  ])
})

describe('narrowing never widens', () => {
  test.each([
    [['items:read'], ['items:read', 'items:write'], ['items:read']],
    [['items:*'], ['items:read'], ['items:read']],
    [['items:read'], ['items:*'], ['items:read']],
    [['*'], ['items:read'], ['items:read']],
    [['items:read'], ['reports:read'], []],
    [['*'], ['*'], ['*']],
    [['items:read'], [], []],
  ])('%j narrowed to %j is %j', (granted, allowed, both) => {
    expect(intersectPermissions(granted, allowed)).toEqual(both)
    expect(intersectPermissions(allowed, granted)).toEqual(both)
  })
})

test('a wildcard may be granted when the catalogue has something it covers', () => {
  const catalogue = new Set(['items:read'])
  expect(isInCatalogue(catalogue, 'items:read')).toBe(true)
  expect(isInCatalogue(catalogue, 'items:*')).toBe(true)
  expect(isInCatalogue(catalogue, '*')).toBe(true)
  expect(isInCatalogue(catalogue, 'items:write')).toBe(false)
  expect(isInCatalogue(catalogue, 'item:*')).toBe(false)
})
