import type { SigningKeySurvey } from '#credentials/signing-keys/signing-keys.ts'
import { type Finding, findingsOf } from './finding.ts'

const dayMs = 86_400_000
const oldestDays = 180

/** @param at by the database's clock */
export function checkKeys(keys: readonly SigningKeySurvey[], at: Date): Finding[] {
  const { findings, ok, warn, fail } = findingsOf('signing keys')
  if (keys.length === 0) {
    ok('none yet: the first start makes them')
    return findings
  }
  const unreadable = keys.filter(({ readable }) => !readable)
  if (unreadable.length > 0) {
    fail(
      `${unreadable.length} of ${keys.length} can't be decrypted: nothing signed with them can be signed or verified`,
      'Put the key under which they were encrypted into ENCRYPTION_KEYS; it may stand behind the others.',
    )
  }
  const daysOf = ({ statusSince }: SigningKeySurvey) => Math.floor((at.getTime() - statusSince.getTime()) / dayMs)
  const current = keys.filter(({ status }) => status === 'current')
  const lacking = current.filter(({ alg }) => !keys.some((key) => key.alg === alg && key.status === 'next'))
  if (lacking.length > 0) {
    warn(`no next key for ${lacking.map(({ alg }) => alg).join(', ')}`, 'Start a server: it makes the next ones.')
  }
  const oldest = Math.max(0, ...current.map(daysOf))
  if (oldest > oldestDays) {
    warn(`the current keys have signed for ${oldest} days`, 'Rotate them: gatehouse keys rotate.')
  } else if (findings.length === 0) ok(`${current.length} sign, for ${oldest} days`)
  return findings
}
