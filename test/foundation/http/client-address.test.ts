import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { clientAddressFrom, networkOf, widerNetworkOf } from '#foundation/http/client-address.ts'

test.each([
  ['2001:db8:1:2::a', '2001:db8:1:2', '2001:db8:1'],
  ['2001:DB8:1:2:0:0:0:a', '2001:db8:1:2', '2001:db8:1'],
  ['2001:0db8:0001:0002:ffff::', '2001:db8:1:2', '2001:db8:1'],
  ['2001:db8::a', '2001:db8:0:0', '2001:db8:0'],
  ['2001:db8:0:0:1::a', '2001:db8:0:0', '2001:db8:0'],
  ['::1', '0:0:0:0', '0:0:0'],
  ['203.0.113.9', '203.0.113.9', '203.0.113'],
])('%s is of %s, and of %s', (ip, network, wider) => {
  expect([networkOf(ip), widerNetworkOf(ip)]).toEqual([network, wider])
})

test.each([
  ['::ffff:203.0.113.9', '203.0.113.9'],
  ['::FFFF:cb00:7109', '203.0.113.9'],
  ['0:0:0:0:0:ffff:203.0.113.9', '203.0.113.9'],
  ['2001:DB8:0:0:0:0:0:A', '2001:db8::a'],
  ['::1', '::1'],
  ['fe80::1%eth0', 'fe80::1%eth0'],
])('the peer %s is %s', (remoteAddress, address) => {
  const request = { socket: { remoteAddress }, headers: {} } as unknown as IncomingMessage
  expect(clientAddressFrom(undefined)(request)).toBe(address)
})
