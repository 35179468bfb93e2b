import { afterAll, beforeAll, expect, test } from 'vitest'
import { call } from '#support/api-requests.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'

let gatehouse: Gatehouse
beforeAll(async () => {
  gatehouse = await startGatehouse()
})
afterAll(() => gatehouse.stop())

const open = (path: string, headers: Record<string, string> = {}) =>
  call(gatehouse, path, { headers: { accept: 'text/html', ...headers } })

test('the home page leads to the reference, which leads to every operation', async () => {
  expect((await open('/')).text).toContain('href="/docs"')
  const overview = (await open('/docs')).text
  expect(overview).toContain('data-test="api-docs"')
  const { json } = await call(gatehouse, '/openapi.json')
  const operations = Object.values(json.paths as Record<string, Record<string, { operationId: string }>>)
    .flatMap((methods) => Object.values(methods))
    .map(({ operationId }) => operationId)
  const pages = new Map<string, string>()
  for (const id of operations) {
    const [, group = ''] = new RegExp(`href="/docs/([a-z-]+)#${id}"`).exec(overview) ?? []
    if (!pages.has(group)) pages.set(group, (await open(`/docs/${group}`)).text)
    expect(pages.get(group), id).toContain(`id="${id}"`)
  }
  for (const [group, page] of pages) {
    const anchors = [...page.matchAll(/href="#([^"]+)"/g)].map(([, anchor]) => anchor)
    expect(
      anchors.filter((anchor) => anchor !== 'content' && !page.includes(`id="${anchor}"`)),
      group,
    ).toEqual([])
    expect(page, group).not.toContain('undefined')
  }
})

test('an operation shows its fields, a request to copy and an answer', async () => {
  const { text } = await open('/docs/api-keys')
  const operation = text.split('data-test="operation-createApiKey"')[1]?.split('</section>')[0] ?? ''
  expect(operation).toContain('<code>expires_in_days</code>')
  expect(operation).toContain(`curl -X POST &#39;${gatehouse.url}/v1/api-keys&#39;`)
  expect(operation).toContain('href="#object-NewApiKey"')
})

test('it is kept by caches, gives nobody a cookie, and runs nothing', async () => {
  for (const path of ['/docs', '/docs/api-keys']) {
    const page = await open(path)
    expect(page.status).toBe(200)
    expect(page.headers['cache-control']).toBe('public, max-age=300')
    expect(page.headers['set-cookie']).toBeUndefined()
    expect(page.headers['content-security-policy']).not.toContain('unsafe-inline')
    expect(page.text).not.toMatch(/<script|<style| style=| on\w+=/)
    expect(page.text.match(/(?:src|href)="(?:https?:)?\/\/[^"]*"/g) ?? []).toEqual([])
    const again = await open(path, { 'if-none-match': String(page.headers.etag) })
    expect(again).toMatchObject({ status: 304, text: '' })
  }
})

test('a group that is not there is 404', async () => {
  expect((await open('/docs/nothing')).status).toBe(404)
})
