import { expect, test } from 'vitest'
import { createOutboundFetch } from '#foundation/http/outbound-fetch.ts'

test.each([
  '127.0.0.1',
  '169.254.169.254',
  '[::1]',
  '[::ffff:10.0.0.1]',
  '[::10.0.0.1]',
  '[::7f00:1]',
  '[2002:7f00:1::]',
  '[2002:a00:1::1]',
  '[64:ff9b::10.0.0.1]',
  '[64:ff9b:1::10.0.0.1]',
  '[2001:0:4136:e378:8000:63bf:3fff:fdd2]',
  '[fec0::1]',
  '[fd00::1]',
])('https://%s is not asked', async (host) => {
  await expect(createOutboundFetch([])(`https://${host}/`)).rejects.toThrow('internal address')
})
