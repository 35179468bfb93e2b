import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dumpSchema } from '#foundation/database/dump-schema.ts'
import { migrate } from '#foundation/database/migrate.ts'
import { availableDatabases, type OpenTestDatabase, openTestDatabase } from '#support/databases.ts'

describe.each(availableDatabases())('migrations on %s', (kind) => {
  let database: OpenTestDatabase
  let directory: string
  beforeAll(async () => {
    database = await openTestDatabase(kind)
    directory = mkdtempSync(join(tmpdir(), 'gatehouse-migrations-'))
  })
  afterAll(async () => {
    await database.close()
    rmSync(directory, { recursive: true })
  })

  const migrateFrom = () => migrate(database.db, pathToFileURL(`${directory}/`))
  const write = (name: string, text: string) => writeFileSync(join(directory, name), text)

  // `npm run schema` writes the file anew; a reviewer sees what a migration does to the whole.
  test('make what schema.sql says', async () => {
    const written = readFileSync(new URL('../../../src/foundation/database/schema.sql', import.meta.url), 'utf8')
    expect(await dumpSchema(database.db)).toBe(written)
  })

  test('a statement ends where the database says: not in a body, a string or a comment', async () => {
    write(
      '9001-awkward.sql',
      `create table awkward (note text default 'a; -- no comment;
'); -- the first; of three
create function loud() returns trigger language plpgsql as $body$
begin
  new.note := new.note || ';
!';
  return new;
end;
$body$;
/* a comment;
 */
create trigger loud before insert on awkward for each row execute function loud();`,
    )
    await migrateFrom()
    await sql`insert into awkward default values`.execute(database.db)
    const { rows } = await sql<{ note: string }>`select note from awkward`.execute(database.db)
    expect(rows).toEqual([{ note: 'a; -- no comment;\n;\n!' }])
  })

  test('a file that fails leaves nothing of itself or of those before it', async () => {
    write('9002-good.sql', 'create table good (id text);')
    write('9003-bad.sql', 'create table half (id text); create table half (id text);')
    await expect(migrateFrom()).rejects.toThrow('already exists')
    const { rows } = await sql`select to_regclass('good') as good, to_regclass('half') as half`.execute(database.db)
    expect(rows).toEqual([{ good: null, half: null }])
    rmSync(join(directory, '9003-bad.sql'))
    await migrateFrom()
  })

  test('a file that was changed after it was applied is refused', async () => {
    write('9002-good.sql', 'create table good (id text, note text);')
    await expect(migrateFrom()).rejects.toThrow('9002-good.sql was changed')
  })
})
