import { z } from 'zod'

/** How many rows a page of a list has, and from where on; the same for every list of the API. */
export interface PageQuery {
  limit: number
  /** Where the page before ended; undefined at the start. */
  cursor?: Position | undefined
}

/**
 * Of the last row of a page: when it was made and its id, which decides among rows of one moment. The time is text where
 * rows are ordered by more than the milliseconds of a Date; in a cursor that came in it always is.
 */
export interface Position {
  at: Date | string
  id: string
}

/** What a list answers: newest first. */
export interface List<Item> {
  items: Item[]
  next_cursor: string | null
}

const position = z.tuple([z.iso.datetime().max(40).refine(isYearOfDatabase), z.string().regex(/^[\w.:-]{1,200}$/)])

/** Holds nothing but a position: one that was made up shows no row that the list's own conditions don't show. */
const cursor = z
  .string()
  .max(300)
  .transform((text, context): Position => {
    const parsed = position.safeParse(decoded(text))
    if (parsed.success) return { at: parsed.data[0], id: parsed.data[1] }
    context.addIssue({ code: 'custom', message: 'must be the next_cursor of an answer' })
    return z.NEVER
  })

/** The two parameters of every list, to be spread into its query schema. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1, 'must be at least 1').max(100, 'must be at most 100').default(50),
  cursor: cursor.optional(),
}

/** The answer's schema of a list of `item`. */
export function listOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), next_cursor: z.string().nullable() })
}

/**
 * Cuts the page out of rows that were fetched with `limit + 1`: the one too many tells that there is more.
 * @param positionOf of a row in the order in which they are listed
 */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  positionOf: (row: Row) => Position,
  toItem: (row: Row) => Item,
): List<Item> {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return {
    items: page.map(toItem),
    next_cursor: last && rows.length > limit ? cursorOf(positionOf(last)) : null,
  }
}

function cursorOf({ at, id }: Position): string {
  return Buffer.from(JSON.stringify([typeof at === 'string' ? at : at.toISOString(), id])).toString('base64url')
}

/** PostgreSQL knows no year 0. */
function isYearOfDatabase(time: string): boolean {
  return !time.startsWith('0000')
}

function decoded(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString())
  } catch {
    return undefined
  }
}
