import { textArray } from '#foundation/database/text-array.ts'
import type { CredentialReference } from './credential.ts'
import type { Question } from './resolution.ts'

export type FormedQuestion = Question & { reference: CredentialReference | undefined }

/** Who asks and how: looked up once for all of their questions. */
type Asker = Pick<FormedQuestion, 'caller' | 'via' | 'forOurselves'>

/** A batch as the statement counts it: the questions of each asker together. */
export interface Asked {
  questions: readonly FormedQuestion[]
  /** Where each of `questions` stood in the batch. */
  places: readonly number[]
  askers: readonly (Asker & { first: number; last: number })[]
}

/** @param batch questions, as they came */
export function askedQuestions(batch: readonly FormedQuestion[]): Asked {
  const groups: (Asker & { places: number[] })[] = []
  for (const [place, { caller, via, forOurselves }] of batch.entries()) {
    const group = groups.find((one) => one.caller === caller && one.via === via && one.forOurselves === forOurselves)
    if (group) group.places.push(place)
    else groups.push({ caller, via, forOurselves, places: [place] })
  }
  let last = 0
  const askers = groups.map(({ places, ...asker }) => {
    const first = last + 1
    last += places.length
    return { ...asker, first, last }
  })
  const places = groups.flatMap((group) => group.places)
  return { questions: places.map((place) => batch[place]!), places, askers }
}

/** The parameters $1 to $13 of the statement. @param known the version that is known of each question's credential */
export function parametersOf({ questions, askers }: Asked, known: readonly (string | undefined)[]): string[] {
  return [
    textArray(askers.map(({ caller }) => caller?.clientId)),
    textArray(askers.map(({ caller }) => caller?.revision)),
    textArray(askers.map(({ via }) => via)),
    `{${askers.map(({ forOurselves }) => forOurselves === true)}}`,
    `{${askers.map(({ first }) => first)}}`,
    `{${askers.map(({ last }) => last)}}`,
    textArray(questions.map(({ reference }) => reference?.hash)),
    textArray(questions.map(({ reference }) => reference?.format)),
    textArray(known),
    textArray(questions.map(({ ip }) => ip)),
    textArray(questions.map(({ userAgent }) => userAgent)),
    textArray(questions.map(({ method }) => method)),
    textArray(questions.map(({ path }) => path)),
  ]
}
