import { type Config, listsAddress } from '#foundation/config/config.ts'
import { isLoopback } from '#foundation/values/loopback.ts'
import { readSetupFile } from '#surfaces/setup/setup-file.ts'
import { type Finding, findingsOf } from './finding.ts'

/** Each costs a person or an operator something later: an entry of the log can't be had back. */
const fewestLogDays = 30

/** What the environment says, looked at as a whole; that each value can be used has been checked. */
export async function checkConfiguration(config: Config, environment: NodeJS.ProcessEnv): Promise<Finding[]> {
  const { findings, ok, warn, fail } = findingsOf('configuration')
  const { issuer, production, databaseUrl, logRetentionDays } = config
  const isPublic = !isLoopback(issuer)
  if (isPublic && !production) {
    warn(`NODE_ENV is not production although the issuer is ${issuer}`, 'Set NODE_ENV=production.')
  }
  if (production && !isPublic) {
    fail(`the issuer is ${issuer}: nobody else reaches it`, 'Set ISSUER to the https address that people use.')
  }
  if (databaseUrl && !environment.ENCRYPTION_KEYS) {
    fail(
      `ENCRYPTION_KEYS is not set: this node has a key of its own in ${config.dataDir}, and no other node can read what it encrypts`,
      'Set ENCRYPTION_KEYS to the key in that directory, on every node.',
    )
  }
  if (logRetentionDays < fewestLogDays) {
    warn(
      `LOG_RETENTION_DAYS is ${logRetentionDays}: a misuse that is found later leaves no trace`,
      `Keep at least ${fewestLogDays} days.`,
    )
  }
  if (config.setupFile) {
    try {
      await readSetupFile(config.setupFile, environment)
    } catch (error) {
      fail(`GATEHOUSE_CONFIG: ${(error as Error).message}`, 'Correct the file; the next start would be refused.')
    }
  }
  if (findings.length === 0) {
    ok(`issuer ${issuer}, ${config.encryptionKeys.length} encryption key(s), ${logRetentionDays} days of log`)
  }
  return [...findings, ...checkProxy(config)]
}

/** Gatehouse speaks plain http: an https issuer means that somebody in front of it does the rest. */
function checkProxy({ issuer, trustedProxies }: Config): Finding[] {
  const { findings, ok, warn, fail } = findingsOf('proxy')
  const isBehindProxy = issuer.startsWith('https:')
  if (trustedProxies && ['8.8.8.8', '2001:4860:4860::8888'].some((one) => listsAddress(trustedProxies, one))) {
    fail(
      'TRUST_PROXY trusts every address: anybody may say where a request comes from',
      'Name the addresses of your proxies alone.',
    )
  } else if (isBehindProxy && !trustedProxies) {
    warn(
      'the issuer is https, so a proxy stands in front, but TRUST_PROXY names none: limits and logs take all people for one address',
      'Set TRUST_PROXY to the address of the proxy, and let it set X-Forwarded-For.',
    )
  } else if (!isBehindProxy && trustedProxies) {
    warn(
      'TRUST_PROXY names a proxy although the issuer is http',
      'Set ISSUER to the https address, or unset TRUST_PROXY.',
    )
  } else ok(isBehindProxy ? 'TRUST_PROXY names who sets X-Forwarded-For' : 'no proxy in front')
  return findings
}
