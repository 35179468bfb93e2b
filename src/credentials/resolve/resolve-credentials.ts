import type { Logger } from 'pino'
import type { SqlPool } from '#foundation/database/sql-pool.ts'
import { askedQuestions, type FormedQuestion, parametersOf } from './asked-questions.ts'
import { Batch } from './batch.ts'
import { unknownUseCounter } from './count-unknown-uses.ts'
import { KnownCredentials } from './known-credentials.ts'
import type { Question, Refusal, Resolution, ResolveCredential } from './resolution.ts'
import { type AnsweredRow, credentialIn, isOfCredential, resolvingStatement } from './resolving-statement.ts'

/**
 * The hot path: any number of presented credentials in one statement, which finds them by hash, joins
 * who they act for and what that may do and see at this moment, and writes their authentication-log rows. The promise
 * resolves after the commit, so no answer leaves without its entry; of what has no owner, without having been counted.
 *
 * A key whose checksum is wrong was never a key: it costs no statement, and only the process's own log tells of it.
 */
export function credentialResolver({ pool, log }: { pool: SqlPool; log: Logger }): ResolveCredential {
  const countUnknownUse = unknownUseCounter(pool)
  const known = new KnownCredentials()
  const batch = new Batch<FormedQuestion, Resolution>(async (waiting) => {
    const asked = askedQuestions(waiting)
    const knownOnes = asked.questions.map(({ reference }) => known.get(reference))
    const versions = knownOnes.map((one) => one?.version)
    const { rows } = await pool.query({
      name: 'resolve-credentials',
      text: resolvingStatement,
      values: [...parametersOf(asked, versions), known.server],
      rowMode: 'array',
    })
    const [[answers, server, loggedAt]] = rows as [[string | null, string, string]]
    known.of(server)
    const told = new Map<number, AnsweredRow>()
    for (const row of answers === null ? [] : (JSON.parse(answers) as AnsweredRow[])) told.set(row[0] - 1, row)
    const resolutions = new Array<Resolution | Promise<Resolution>>(waiting.length)
    for (const [index, question] of asked.questions.entries()) {
      const row = told.get(index)
      resolutions[asked.places[index]!] = row
        ? resolutionOf(question, row, loggedAt)
        : { outcome: 'accepted', credential: knownOnes[index]!.credential, loggedAt }
    }
    return resolutions
  })

  function resolutionOf(
    question: FormedQuestion,
    row: AnsweredRow,
    loggedAt: string,
  ): Resolution | Promise<Resolution> {
    const [, callerChanged, reason, version] = row
    if (callerChanged) return { outcome: 'caller_changed' }
    if (reason !== null) {
      const refusal: Refusal = { outcome: 'refused', reason }
      return isOfCredential(row) ? refusal : counted(question, refusal)
    }
    const credential = credentialIn(row)
    known.set(question.reference!, version, credential)
    return { outcome: 'accepted', credential, loggedAt }
  }

  async function counted({ ip, via, caller }: Question, resolution: Refusal): Promise<Resolution> {
    await countUnknownUse({ ip, via, reason: resolution.reason, resourceServer: caller?.clientId })
    return resolution
  }

  return (question) => {
    if (question.reference !== 'mistyped') return batch.add(question as FormedQuestion)
    const { via, caller, ip, userAgent, method, path } = question
    log.info({ via, resourceServer: caller?.clientId, ip, userAgent, method, path }, 'mistyped API key refused')
    return Promise.resolve({ outcome: 'refused', reason: 'malformed' })
  }
}
