import { type Queryable, toJson } from '#foundation/database/database.ts'
import type { Declared, SetupObject } from '#foundation/database/schema.ts'

type Kind = SetupObject['kind']

/** Everything that setups made or took over in this database. */
export class SetupObjects {
  readonly #byName: ReadonlyMap<string, SetupObject>
  readonly #byId: ReadonlyMap<string, SetupObject>

  constructor(objects: readonly SetupObject[]) {
    this.#byName = new Map(objects.map((object) => [keyOf(object.kind, object.name), object]))
    this.#byId = new Map(objects.map((object) => [keyOf(object.kind, object.objectId), object]))
  }

  /** What a setup calls so. The object itself may be gone. */
  find(kind: Kind, name: string): SetupObject | undefined {
    return this.#byName.get(keyOf(kind, name))
  }

  /** Whether a setup made the object, or took it over, under whatever name. */
  has(kind: Kind, objectId: string): boolean {
    return this.#byId.has(keyOf(kind, objectId))
  }

  /** What a setup said last of an object of its own. */
  declaredOf(kind: Kind, objectId: string): Declared | undefined {
    return this.#byId.get(keyOf(kind, objectId))?.declared
  }
}

function keyOf(kind: Kind, name: string): string {
  return `${kind} ${name}`
}

export async function readSetupObjects(db: Queryable): Promise<SetupObjects> {
  return new SetupObjects(await db.selectFrom('setupObjects').selectAll().execute())
}

/** Remembers objects under the names that a file gives them now, and under no other. */
export async function saveSetupObjects(tx: Queryable, objects: readonly SetupObject[]): Promise<void> {
  if (objects.length === 0) return
  await forgetSetupObjects(tx, objects)
  await tx
    .insertInto('setupObjects')
    .values(objects.map((object) => ({ ...object, declared: toJson(object.declared) })))
    .onConflict((conflict) =>
      conflict.columns(['kind', 'name']).doUpdateSet((row) => ({
        objectId: row.ref('excluded.objectId'),
        declared: row.ref('excluded.declared'),
      })),
    )
    .execute()
}

export async function forgetSetupObjects(
  tx: Queryable,
  objects: readonly Pick<SetupObject, 'kind' | 'objectId'>[],
): Promise<void> {
  for (const [kind, ofKind] of Map.groupBy(objects, (object) => object.kind)) {
    const ids = ofKind.map(({ objectId }) => objectId)
    await tx.deleteFrom('setupObjects').where('kind', '=', kind).where('objectId', 'in', ids).execute()
  }
}
