import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Provider } from 'oidc-provider'
import { describe, expect, test } from 'vitest'
import { patches } from '#protocol/library/patches.ts'

const untouched = new Provider('https://id.example', { features: { backchannelLogout: { enabled: true } } })
const members = patches.flatMap(({ members, arity }) => members.map((member) => ({ member, arity })))

describe('the patched members of oidc-provider', () => {
  test.for(members)('$member is in the untouched library as it is patched', ({ member, arity }) => {
    const descriptor = descriptorOf(member)
    expect(descriptor).toBeDefined()
    expect(typeof descriptor?.value === 'function' ? descriptor.value.length : undefined).toBe(arity)
  })

  test('are those of the version that package.json pins, which is the one installed', () => {
    const { dependencies } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
    const { version } = createRequire(import.meta.url)('oidc-provider/package.json')
    expect(dependencies['oidc-provider']).toBe(version)
  })
})

/** As a provider or one of its prototypes has it, without asking a getter. */
function descriptorOf(member: string): PropertyDescriptor | undefined {
  const path = member.split('.')
  const name = path.pop() ?? ''
  let owner = path.reduce<unknown>((object, key) => (object as Record<string, unknown>)[key], untouched)
  while (owner && !Object.hasOwn(owner, name)) owner = Object.getPrototypeOf(owner)
  return owner ? Object.getOwnPropertyDescriptor(owner, name) : undefined
}
