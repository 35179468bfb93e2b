import { describe, expect, test } from 'vitest'
import {
  coversScope,
  type DataScope,
  everything,
  intersectDataScopes,
  isDataScope,
  unionOfDataScopes,
} from '#foundation/values/data-scope.ts'

const scope = (source: string | null, scope_id: string | null): DataScope => ({ source, scope_id })
const kubernetes = scope('kubernetes', null)
const production = scope('kubernetes', 'prod-cluster')
const proxmox = scope('proxmox', null)

test('a scope of no source is refused, everything is not', () => {
  expect(isDataScope(scope(null, 'x'))).toBe(false)
  expect(isDataScope(everything)).toBe(true)
  expect(isDataScope(production)).toBe(true)
})

describe('what a data scope includes', () => {
  test.each([
    [everything, production, true],
    [everything, everything, true],
    [kubernetes, production, true], // S0-27
    [production, production, true], // S0-28
    [production, kubernetes, false],
    [production, scope('kubernetes', 'test-cluster'), false],
    [kubernetes, proxmox, false],
    [kubernetes, everything, false],
    [scope('proxmox', 'prod-cluster'), production, false],
  ])('%j includes %j: %s', (granted, wanted, answer) => {
    expect(coversScope(granted, wanted)).toBe(answer)
  })
})

// S0-26, S0-30
test('a union is sorted, without duplicates and without what a wider scope covers', () => {
  expect(unionOfDataScopes([[proxmox, production], [production]])).toEqual([production, proxmox])
  expect(unionOfDataScopes([[production], [kubernetes]])).toEqual([kubernetes])
  expect(unionOfDataScopes([[production, kubernetes], [everything]])).toEqual([everything])
  expect(unionOfDataScopes([])).toEqual([])
})

test('equal lists are equal text, whatever the order of keys', () => {
  const other = [{ scope_id: 'prod-cluster', source: 'kubernetes' }]
  expect(JSON.stringify(unionOfDataScopes([other]))).toBe(JSON.stringify([production]))
})

describe('narrowing never widens', () => {
  test.each([
    [[everything], [production], [production]],
    [[kubernetes], [production, proxmox], [production]],
    [[production], [proxmox], []],
    [[everything], [everything], [everything]],
    [[everything], [], []],
  ])('%j narrowed to %j is %j', (granted, allowed, both) => {
    expect(intersectDataScopes(granted, allowed)).toEqual(both)
    expect(intersectDataScopes(allowed, granted)).toEqual(both)
  })
})
