import { command } from './command.ts'

/** @param start becomes the server, in this process */
export function startWith(start: () => Promise<unknown>) {
  return command({
    name: 'start',
    summary: 'run the server, as npm start does, until SIGTERM or SIGINT',
    about: 'Its log is JSON lines on stdout, with or without --json. Everything else is said by environment variables.',
    takes: {},
    examples: ['start', 'start  # with PORT=8080 DATABASE_URL=postgres://… GATEHOUSE_CONFIG=gatehouse.yaml set'],
    async run() {
      await start()
      return undefined
    },
  })
}
