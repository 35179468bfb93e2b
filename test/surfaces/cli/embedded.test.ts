import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Ran, runGatehouse } from '#support/command-line.ts'
import { createTestDatabase, type TestDatabase } from '#support/databases.ts'
import { freePort } from '#support/free-port.ts'
import { introspect, setup } from '#support/gatehouse.ts'
import { type ServerProcess, startProcess } from '#support/server-process.ts'

let database: TestDatabase
let server: ServerProcess | undefined
beforeAll(async () => {
  database = await createTestDatabase('embedded')
})
afterAll(async () => {
  await server?.kill()
  await database.drop()
})

const run = (words: string[], environment: NodeJS.ProcessEnv = {}): Promise<Ran> =>
  runGatehouse(words, { DATA_DIR: database.dataDir, ...environment })

test('an embedded directory is administered while no server holds it, and by none else', {
  timeout: 180_000,
}, async () => {
  const port = await freePort()
  const url = `http://localhost:${port}`
  const file = join(database.dataDir, 'gatehouse.yaml')
  writeFileSync(file, setup)
  expect((await run(['apply', '-f', file])).status).toBe(0)
  expect(await run(['organization', 'create', 'initech', '--name', 'Initech'])).toMatchObject({ status: 0 })
  const made = await run(
    [
      'key',
      'create',
      '--organization',
      'acme',
      '--user',
      'ada@acme.test',
      '--name',
      'k',
      '--expires-in-days',
      '7',
      '--format',
      'jwt',
    ],
    { ISSUER: url },
  )
  expect([made.status, made.stdout]).toEqual([0, expect.stringMatching(/^ey\S+\n$/)])

  // `gatehouse start` becomes the server, which holds the directory until it is stopped.
  const environment = { DATA_DIR: database.dataDir, PORT: String(port), GATEHOUSE_CONFIG: file }
  server = startProcess(environment, ['src/gatehouse.ts', 'start'])
  await server.printed(`gatehouse ready on ${url}`)
  expect((await introspect(url, made.stdout.trim())).json).toMatchObject({ active: true, org_slug: 'acme' })
  for (const words of [
    ['user', 'list'],
    ['organization', 'suspend', 'acme'],
    ['log', 'tail'],
  ]) {
    const refused = await run([...words, '--json'])
    expect([refused.status, refused.stdout]).toEqual([1, ''])
    expect(JSON.parse(refused.stderr)).toMatchObject({
      code: 'conflict',
      detail: expect.stringContaining('is in use by another Gatehouse process'),
    })
  }
  server.child.kill('SIGTERM')
  expect(await server.ended).toBe(0)
  expect((await run(['log', 'tail', '-n', '1'])).stdout).toContain('accepted')
})
