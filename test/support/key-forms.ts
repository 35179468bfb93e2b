import { sql } from 'kysely'
import type { Browser } from './browser.ts'
import type { DatabaseKind } from './databases.ts'
import { freePort } from './free-port.ts'
import { type Gatehouse, password, setup, startGatehouse } from './gatehouse.ts'
import { pathOf } from './signed-in.ts'

const more = `
  - { email: alan@acme.test, name: "Alan <b>Turing</b>", password: "${password}" }
  - { email: gone@acme.test, name: Gone, password: "${password}" }`

/** Besides the usual people: `alan@acme.test`, a plain member of Acme; one who left; and a superadmin who is a member. */
export const setupWithMembers = setup.replace('\norganizations:', `${more}\norganizations:`).replace(
  '        data_scopes: [{ source: proxmox, scope_id: null }]\n',
  `        data_scopes: [{ source: proxmox, scope_id: null }]
      - { email: alan@acme.test, teams: [readers] }
      - { email: gone@acme.test, active: false }
      - { email: root@example.test }
`,
)

/** A server with those people whose mails wait in the outbox. */
export async function startWithMembers(database: DatabaseKind): Promise<Gatehouse> {
  const config = { smtpUrl: `smtp://127.0.0.1:${await freePort()}` }
  return startGatehouse({ database, setup: setupWithMembers, config })
}

/** Fills in the form on the page that is open; ends on its summary, or on the form with what is wrong. */
export function fillIn(browser: Browser, fields: Record<string, string>) {
  return browser.submit(fields, '/new')
}

/** The key on the page that shows it. */
export function shownKey({ page }: Browser): string {
  return /<textarea id="key"[^>]*>([^<]*)</.exec(page.html)?.[1] ?? ''
}

/** From the list to the page that shows the new key, by the forms. @returns the key and its id */
export async function makeKey(
  gatehouse: Gatehouse,
  browser: Browser,
  fields: Record<string, string>,
  at = '/account/api-keys',
): Promise<{ key: string; id: string }> {
  await browser.get(`${gatehouse.url}${at}/new`)
  await fillIn(browser, { expires: '30', ...fields })
  await browser.submit({}, at)
  const key = shownKey(browser)
  if (!key) throw new Error(`${browser.page.status} ${pathOf(browser)}: ${browser.page.html}`)
  const { id } = await gatehouse.database.db
    .selectFrom('credentials')
    .select('id')
    .where('kind', '=', 'api_key')
    .orderBy('issuedAt', 'desc')
    .executeTakeFirstOrThrow()
  return { key, id }
}

/** The row of a key in the list that is open, as markup. */
export function rowOfKey({ page }: Browser, id: string): string {
  return page.html.split(`data-test="key-${id}"`)[1]?.split('</tr>')[0] ?? ''
}

/** Everybody has signed in more than ten minutes ago. */
export async function makeSignInsOld({ database }: Gatehouse): Promise<void> {
  await sql`update protocol_state set payload = jsonb_set(payload::jsonb, '{loginTs}', to_jsonb(extract(epoch from now())::int - 700))
    where model = 'Session'`.execute(database.db)
}

export function keysInDatabase({ database }: Gatehouse) {
  return database.db.selectFrom('credentials').selectAll().where('kind', '=', 'api_key').orderBy('issuedAt').execute()
}
