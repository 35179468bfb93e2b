import { isDeepStrictEqual } from 'node:util'
import type { SetupObject } from '#foundation/database/schema.ts'
import type { SetupPlan } from './changes.ts'
import type { CurrentOrganization, CurrentSetup } from './current-setup.ts'
import type { Setup } from './setup.ts'
import type { Path } from './setup-error.ts'

/** A setup while it is planned. */
export interface Planning {
  plan: SetupPlan
  setup: Setup
  current: CurrentSetup
}

/** One organization of the file's own while it is planned. */
export interface Scene extends Planning {
  id: string
  slug: string
  path: Path
  /** As it is; undefined: new. */
  organization: CurrentOrganization | undefined
  /** What people added to its lists is removed. */
  exclusive: boolean
}

/** Whether the file made an object that exists (`own`), takes it over now (`adopted`), or leaves it alone (`foreign`). */
export type Standing = 'own' | 'adopted' | 'foreign'

export function standingOf(
  { current }: Pick<Planning, 'current'>,
  { kind, objectId }: Pick<SetupObject, 'kind' | 'objectId'>,
  { adopt }: { adopt?: boolean | undefined },
): Standing {
  if (current.objects.has(kind, objectId)) return 'own'
  return adopt ? 'adopted' : 'foreign'
}

/** Says what stays as it is although the file says otherwise, and what to do. */
export function notice({ plan, setup }: Pick<Planning, 'plan' | 'setup'>, path: Path, message: string): void {
  plan.notices.push(setup.problemAt(path, message))
}

/** Says that an object of others' making is left alone. */
export function leaveAlone(planning: Pick<Planning, 'plan' | 'setup'>, path: Path, subject: string): void {
  notice(planning, path, `${subject} is left alone: this file did not make it; adopt: true on it takes it over`)
}

/** Notes that an object is the file's, unless that is known under this very name. */
export function remember({ plan, current }: Pick<Planning, 'plan' | 'current'>, object: SetupObject): void {
  if (!isDeepStrictEqual(current.objects.find(object.kind, object.name), object)) plan.writes.objects.push(object)
}
