import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { textArray } from '#foundation/database/text-array.ts'
import { availableDatabases, type OpenTestDatabase, openTestDatabase } from '#support/databases.ts'

/** Each would end a literal, or stand for something else, where a value is put into the statement. */
const texts = [
  '',
  ' ',
  "'",
  "''",
  "\\'",
  "'); drop table users; --",
  "x' or 'a' = 'a",
  '"',
  '\\',
  '\\\\',
  'ends with a backslash \\',
  "E'\\047'",
  '\\x41',
  '\\u0041 \\101 \\n',
  'U&"\\0041"',
  '$$',
  '$body$ $1 $2 $body$',
  '$1',
  '; select 1; --',
  '/* -- */',
  'one\ntwo\r\nthree\tfour',
  '\u0001\u001f\u007f\u0080',
  'ä ß ﬃ 東京 עברית',
  'e\u0301 \u200b\u202e\ufeff',
  '😀 👩‍👩‍👧 \u{10ffff}',
  'null',
  'NULL',
  'true',
  '{}',
  '{"a",NULL}',
  '[1]',
  '%_\\%',
  '?',
  ':name',
  'x'.repeat(100_000),
]

const errorOf = (query: Promise<unknown>) =>
  query.then(
    () => undefined,
    (error) => error.code,
  )

describe.each(availableDatabases())('a value on %s', (kind) => {
  let database: OpenTestDatabase
  beforeAll(async () => {
    database = await openTestDatabase(kind)
    await sql`create table told (at integer primary key, text text, bytes bytea, json jsonb, words text[])`.execute(
      database.db,
    )
  })
  afterAll(() => database.close())

  /** What comes back of a value that is cast to `type`, and what the database makes of it as text. */
  async function come(value: unknown, type: string) {
    const { rows } = await sql<{ value: unknown; text: string | null }>`
      select value, value::text as text from (select cast(${value} as ${sql.raw(type)}) as value) as one`.execute(
      database.db,
    )
    return rows[0]!
  }

  test.each(texts.map((text) => ({ name: JSON.stringify(text.slice(0, 40)), text })))(
    'is $name, and no SQL',
    async ({ text }) => {
      expect(await come(text, 'text')).toEqual({ value: text, text })
      const { rows } = await sql`select length(${text}) as length where ${text} = ${text}::text`.execute(database.db)
      expect(rows).toEqual([{ length: [...text].length }])
    },
  )

  test('may be many at once, each in its place', async () => {
    const values = sql.join(texts.map((text, index) => sql`(${index}::integer, ${text})`))
    await sql`insert into told (at, text) values ${values}`.execute(database.db)
    const { rows } = await sql<{ text: string }>`select text from told order by at`.execute(database.db)
    expect(rows.map(({ text }) => text)).toEqual(texts)
  })

  test('is in an array what it is alone', async () => {
    const words = [...texts, null]
    expect((await come(words, 'text[]')).value).toEqual(words)
    expect((await come([], 'text[]')).value).toEqual([])
    expect((await come(textArray(words), 'text[]')).value).toEqual(words)
    for (const word of words) expect((await come(textArray([word, undefined]), 'text[]')).value).toEqual([word, null])
    expect((await come(textArray([]), 'text[]')).value).toEqual([])
    const { rows } = await sql<{ one: boolean }>`select ${"a'b"} = any(${["a'b", '\\']}) as one`.execute(database.db)
    expect(rows).toEqual([{ one: true }])
  })

  test.each([
    { value: 0, type: 'integer', text: '0' },
    { value: -1, type: 'integer', text: '-1' },
    { value: 2 ** 53 - 1, type: 'bigint', text: '9007199254740991' },
    { value: 0.1, type: 'double precision', text: '0.1' },
    { value: 1e300, type: 'double precision', text: '1e+300' },
    { value: Number.NaN, type: 'double precision', text: 'NaN' },
    { value: Number.POSITIVE_INFINITY, type: 'double precision', text: 'Infinity' },
    { value: true, type: 'boolean', text: 'true' },
    { value: false, type: 'boolean', text: 'false' },
    { value: null, type: 'text', text: null },
    { value: null, type: 'jsonb', text: null },
    { value: null, type: 'bytea', text: null },
  ])('may be $value', async ({ value, type, text }) => {
    expect(await come(value, type)).toEqual({ value, text })
  })

  test('may be a bigint, undefined, or minus nothing', async () => {
    expect(await come(12345678901234567890n, 'numeric')).toEqual({
      value: '12345678901234567890',
      text: '12345678901234567890',
    })
    expect(await come(42n, 'bigint')).toEqual({ value: 42, text: '42' })
    expect(await come(undefined, 'text')).toEqual({ value: null, text: null })
    expect((await come(-0, 'integer')).text).toBe('0')
  })

  test('may be a moment, to the millisecond, in any year', async () => {
    for (const moment of ['2026-02-28T23:59:59.999Z', '1970-01-01T00:00:00.000Z', '0044-03-15T12:00:00.000Z']) {
      expect((await come(new Date(moment), 'timestamptz')).value).toEqual(new Date(moment))
    }
  })

  test('may be bytes, whatever they are', async () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    for (const bytes of [all, Buffer.alloc(0), Buffer.from("'\\x00"), all.subarray(39, 93)]) {
      expect((await come(bytes, 'bytea')).value).toEqual(bytes)
      expect((await come(new Uint8Array(bytes), 'bytea')).value).toEqual(bytes)
    }
  })

  test('may be JSON', async () => {
    const values = { texts, number: 0.5, nothing: null, deep: { "it's": [{}, [], '\\"'] } }
    expect((await come(values, 'jsonb')).value).toEqual(values)
    expect((await come(JSON.stringify(texts), 'jsonb')).value).toEqual(texts)
    const { rows } = await sql`select ${'$.a'} as path, ${JSON.stringify({ a: "'" })}::jsonb ->> ${'a'} as a`.execute(
      database.db,
    )
    expect(rows).toEqual([{ path: '$.a', a: "'" }])
  })

  test('that text cannot hold is refused; half a surrogate pair becomes U+FFFD', async () => {
    for (const text of ['\0', "before\0' after", '\0\0']) {
      expect(await errorOf(come(text, 'text'))).toBe('22021')
      expect(await errorOf(come([text], 'text[]'))).toBe('22021')
    }
    expect(await errorOf(come({ text: '\0' }, 'jsonb'))).toBe('22P05')
    expect((await come('\ud83d', 'text')).value).toBe('\ufffd')
    expect((await come('a\ude00b', 'text')).value).toBe('a\ufffdb')
    expect((await come('still here', 'text')).value).toBe('still here')
  })

  test('that does not fit its type is refused by the same code, also inside a transaction', async () => {
    expect(await errorOf(come("1' or true", 'integer'))).toBe('22P02')
    expect(await errorOf(come(2 ** 40, 'integer'))).toBe('22003')
    expect(await errorOf(come(Number.NaN, 'integer'))).toBe('22P02')
    const refused = database.db.transaction().execute(async (tx) => {
      await sql`insert into told (at, text) values (${-1}, ${'undone'})`.execute(tx)
      await sql`insert into told (at, text) values (${"-2'"}, ${'refused'})`.execute(tx)
    })
    expect(await errorOf(refused)).toBe('22P02')
    expect((await sql`select at from told where at = ${-1}`.execute(database.db)).rows).toEqual([])
  })

  test('is told by a refusal only where the database itself tells it', async () => {
    await sql`insert into told (at, text) values (${1000}, ${'first'})`.execute(database.db)
    const again = sql`insert into told (at, text) values (${1000}, ${'a secret value'})`.execute(database.db)
    const error = await again.then(
      () => undefined,
      (error) => error,
    )
    expect(error).toMatchObject({ code: '23505', constraint: 'told_pkey' })
    expect(JSON.stringify({ ...error, message: error.message, stack: error.stack })).not.toContain('a secret value')
  })

  test('counts: what a statement has touched is told for each kind of statement', async () => {
    const rows = sql.join([2001, 2002].map((at) => sql`(${at}::integer, ${'counted'})`))
    expect(await sql`insert into told (at, text) values ${rows}`.execute(database.db)).toMatchObject({
      numAffectedRows: 2n,
    })
    expect(await sql`update told set json = ${'{}'} where text = ${'counted'}`.execute(database.db)).toMatchObject({
      numAffectedRows: 2n,
    })
    expect(await sql`delete from told where text = ${'nothing'}`.execute(database.db)).toMatchObject({
      numAffectedRows: 0n,
    })
    expect(await sql`delete from told where text = ${'counted'} returning at`.execute(database.db)).toMatchObject({
      numAffectedRows: 2n,
      rows: [{ at: 2001 }, { at: 2002 }],
    })
  })
})
