import { apply } from './apply.ts'
import { auditVerify } from './audit-verify.ts'
import { clientCreate } from './client-create.ts'
import { clientRotateSecret } from './client-rotate-secret.ts'
import type { Command } from './command.ts'
import { doctor } from './doctor.ts'
import { exportCommand } from './export.ts'
import { grant } from './grant.ts'
import { importUsers } from './import-users.ts'
import { keyCreate } from './key-create.ts'
import { keyList } from './key-list.ts'
import { keyRevoke } from './key-revoke.ts'
import { keysList } from './keys-list.ts'
import { keysRotate } from './keys-rotate.ts'
import { logTail } from './log-tail.ts'
import { memberInvite } from './member-invite.ts'
import { memberRemove } from './member-remove.ts'
import { organizationActivate } from './organization-activate.ts'
import { organizationCreate } from './organization-create.ts'
import { organizationList } from './organization-list.ts'
import { organizationSuspend } from './organization-suspend.ts'
import { plan } from './plan.ts'
import { scanKeys } from './scan-keys.ts'
import { startWith } from './start.ts'
import { userCreate } from './user-create.ts'
import { userDeactivate } from './user-deactivate.ts'
import { userList } from './user-list.ts'
import { userResetPassword } from './user-reset-password.ts'

/** What the command line is given by the roof, which it knows nothing of. */
export interface CommandLineParts {
  /** Becomes the server, as `npm start` does. */
  start(): Promise<unknown>
}

/** What the commands of two words are about. */
export const commandGroups = {
  import: 'people from elsewhere',
  user: 'people, wherever they belong',
  organization: 'the organizations of the deployment',
  member: 'who belongs to an organization',
  key: 'API keys',
  audit: 'the log of every change',
  client: 'applications, resource servers and service accounts',
  keys: 'the keys that sign tokens',
  log: 'the authentication log',
}

/** Every command, in the order of help: a new one is a file and a line here. */
export function commandTable({ start }: CommandLineParts): readonly Command[] {
  return [
    startWith(start),
    plan,
    apply,
    exportCommand,
    doctor,
    userCreate,
    userList,
    userResetPassword,
    userDeactivate,
    organizationCreate,
    organizationList,
    organizationSuspend,
    organizationActivate,
    memberInvite,
    memberRemove,
    grant,
    importUsers,
    keyCreate,
    keyList,
    keyRevoke,
    clientCreate,
    clientRotateSecret,
    keysList,
    keysRotate,
    logTail,
    auditVerify,
    scanKeys,
  ]
}
