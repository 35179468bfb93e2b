import type { z } from 'zod'
import { upstreamSecret } from '#authentication/connections/connection.ts'
import { listConnectionEntries, type SetupValues, setupPassword } from '#authentication/setup/setup.ts'
import type { Path, SetupProblem } from '#authentication/setup/setup-error.ts'
import { clientSecret } from '#directory/clients/client.ts'
import type { SetupDocument } from './setup-document.ts'

/** Puts what `…_env` names into the place of `…`, under the same rules as if it stood in the file. */
export function resolveEnvironment(
  values: SetupValues,
  document: SetupDocument,
  environment: NodeJS.ProcessEnv,
): SetupProblem[] {
  const problems: SetupProblem[] = []
  const look = (name: string, rule: z.ZodString, path: Path): string | undefined => {
    const report = (message: string) => problems.push(document.problemAt(path, message))
    const value = environment[name]
    if (!value) return void report(`the environment variable ${name} is not set`)
    const checked = rule.safeParse(value)
    if (!checked.success) return void report(`the environment variable ${name} ${checked.error.issues[0]?.message}`)
    return value
  }
  for (const list of ['resource_servers', 'clients'] as const) {
    for (const [index, entry] of (values[list] ?? []).entries()) {
      if (entry.client_secret_env === undefined) continue
      entry.client_secret = look(entry.client_secret_env, clientSecret, [list, index, 'client_secret_env'])
    }
  }
  for (const { entry, path } of listConnectionEntries(values)) {
    if (entry.client_secret_env === undefined) continue
    entry.client_secret = look(entry.client_secret_env, upstreamSecret, [...path, 'client_secret_env'])
  }
  for (const [index, entry] of (values.users ?? []).entries()) {
    if (entry.password_env === undefined) continue
    entry.password = look(entry.password_env, setupPassword, ['users', index, 'password_env'])
  }
  return problems
}
