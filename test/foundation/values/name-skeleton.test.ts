import { describe, expect, test } from 'vitest'
import { nameSkeletons } from '#foundation/values/name-skeleton.ts'

function lookAlike(one: string, other: string): boolean {
  return nameSkeletons(one).some((skeleton) => nameSkeletons(other).includes(skeleton))
}

describe('names', () => {
  test.each([
    ['another case', 'aCME corporation'],
    ['other spaces', 'Acme  Corporation '],
    ['no space', 'AcmeCorporation'],
    ['a space that does not break', 'Acme\u00a0Corporation'],
    ['a character without width', 'Ac\u200bme\u2060 Corp\u00adoration\ufeff'],
    ['a letter that shows nothing', 'Acme\u3164Corporation'],
    ['punctuation', '“Acme-Corporation.”'],
    ['a sign', 'Acme Corporation®'],
    ['accents', 'Ácme Çorporation'],
    ['an accent of no letter', 'A\u1ab0cme Corporation'],
    ['Cyrillic capitals', 'АСМЕ Corporation'],
    ['Cyrillic small letters', 'Асmе Соrроrаtiоn'],
    ['Greek letters', 'Αcme Corporatιοn'],
    ['full width', 'Ａｃｍｅ Ｃｏｒｐｏｒａｔｉｏｎ'],
    ['mathematical letters', '𝐀𝐜𝐦𝐞 𝐂𝐨𝐫𝐩𝐨𝐫𝐚𝐭𝐢𝐨𝐧'],
    ['digits', 'Acme C0rporat1on'],
    ['letters that run together', 'Acrne Corporation'],
    ['its slug', 'acme-corporation'],
  ])('look alike with %s: %j', (_, name) => {
    expect(lookAlike('Acme Corporation', name)).toBe(true)
  })

  test.each([
    ['Ian', 'lan'],
    ['Müller', 'MULLER'],
    ['Weiß', 'WEISS'],
    ['νίκη', 'ΝΙΚΗ'],
    ['Visa', 'νisa'],
    ['Søhne', 'Sohne'],
    ['🚀', '🚀\u200b'],
    ['株式会社', '株式会社 '],
  ])('%j and %j look alike', (one, other) => {
    expect(lookAlike(one, other)).toBe(true)
  })

  test.each([
    ['Acme Corporation', 'Acme'],
    ['Ball', 'Bail'],
    ['All', 'Ali'],
    ['株式会社', '有限会社'],
    ['ハム', 'バム'],
    ['दिल', 'दल'],
    ['🚀', '🛸'],
    ['+', '-'],
  ])('%j and %j do not', (one, other) => {
    expect(lookAlike(one, other)).toBe(false)
  })

  test.each(['', ' ', '\u200b', '\u3164\u2800', '\u0301'])('%j shows nothing', (name) => {
    expect(nameSkeletons(name)).toEqual([])
  })
})
