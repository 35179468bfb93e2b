import type { Queryable } from '#foundation/database/database.ts'
import { listJobLeases } from '#foundation/database/job-runner.ts'
import type { Route } from '#foundation/http/router.ts'
import { countOutbox, listOutbox } from '#foundation/outbox/outbox-queries.ts'
import type { SignedInPages, SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'
import type { Readiness } from './health-pages.ts'

interface Parts {
  db: Queryable
  readiness: () => Promise<Readiness>
}

type DeploymentRequest = SignedInRequest & Parts

const mostMails = 50

/** How the deployment is doing, for superadmins: whether it works, what runs by the clock, which mails wait. */
export function deploymentPages({ pages, ...parts }: Parts & { pages: SignedInPages }): Route[] {
  const { page } = pages.with(parts)
  return [
    ['GET', '/deployment', page(showHealth)],
    ['GET', '/deployment/mail', page(showMail)],
  ]
}

async function showHealth({ db, readiness, show }: DeploymentRequest): Promise<void> {
  const [status, mails, jobs] = await Promise.all([readiness(), countOutbox(db), listJobLeases(db)])
  await show('operations/health', { at: '/deployment', status, mails, jobs, node: process.version })
}

async function showMail({ db, show }: DeploymentRequest): Promise<void> {
  await show('operations/mail', { at: '/deployment/mail', mails: await listOutbox(db, mostMails) })
}
