import type Koa from 'koa'
import type { Provider } from 'oidc-provider'
import type { Logger } from 'pino'
import type { Upstreams } from '#authentication/connections/upstreams.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Form } from '#foundation/http/read-form.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import type { UpstreamSignOut } from '#protocol/provider/upstream-sign-out.ts'
import type { Csrf } from '#surfaces/page-kit/csrf.ts'
import type { EnteredPasswordParts } from '#surfaces/page-kit/entered-password.ts'
import type { Render } from '#surfaces/page-kit/render.ts'
import type { Interaction } from './interaction.ts'
import type { UpstreamTransactions } from './upstream-transactions.ts'

export interface InteractionParts extends EnteredPasswordParts {
  issuer: string
  log: Logger
  encryption: Encryption
  upstreams: Upstreams
  upstreamTransactions: UpstreamTransactions
  upstreamSignOut: UpstreamSignOut
  provider: () => Provider
  db: Queryable
  render: Render
  csrf: Csrf
  signUp: 'open' | 'closed'
  /** Hosts whose identity providers may do without https. */
  outboundAllowedHosts: readonly string[]
  outbox: MailOutbox
}

/** One step of a step's page: what it shows and what it does with the form. */
export type StepHandler = (step: Step) => Promise<void>

export interface Step extends Omit<InteractionParts, 'provider'> {
  ctx: Koa.Context
  provider: Provider
  interaction: Interaction
  form: Form
}
