import { readFileSync } from 'node:fs'
import { defineConfig } from 'vitest/config'

// The sources are written for the runtime that package.json pins: on an older Node some fail in puzzling ways.
const { dependencies } = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8'))
const pinnedMajor = Number(/\d+/.exec(dependencies.node)?.[0])
if (Number(process.versions.node.split('.')[0]) < pinnedMajor) {
  throw new Error(
    `Node ${process.versions.node} is too old here: run \`npm test\` or \`npx vitest\`, which use Node 26`,
  )
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
    reporters: ['default'],
  },
})
