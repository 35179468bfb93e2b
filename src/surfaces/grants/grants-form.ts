import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { z } from 'zod'
import { exchanged } from '#directory/access/change.ts'
import { canonicalGrants, dataScope, type Grants } from '#directory/access/grants.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { parse } from '#foundation/http/parse.ts'
import type { Form } from '#foundation/http/read-form.ts'
import { message, type Text } from '#foundation/messages/message.ts'
import type { DataScope } from '#foundation/values/data-scope.ts'
import { grantsInput, toGrants } from './granted.ts'

/*
 * The form in which grants are edited. No field of a form is given twice, so a checkbox has its value in its name:
 * `may:reports:read` is granted, `drop:["ceph",null]` taken away, `add:["ceph",null]` given. `seen` holds what was granted
 * when the page was made: what the form changes is the difference to that.
 */

const mayPrefix = 'may:'
const dropPrefix = 'drop:'
const addPrefix = 'add:'

export function mayField(permission: string): string {
  return mayPrefix + permission
}

export function dropField(scope: DataScope): string {
  return dropPrefix + spelled(scope)
}

export function addField(scope: DataScope): string {
  return addPrefix + spelled(scope)
}

/** Short enough for a form of 64 KB that holds a thousand of each. */
export function seenField({ permissions, dataScopes }: Grants): string {
  return deflateRawSync(JSON.stringify([permissions, dataScopes.map(pairOf)])).toString('base64url')
}

/** What is granted, and what is to be. */
export interface GrantsEdit {
  seen: Grants
  wanted: Grants
}

/**
 * What a form asks for.
 * @throws GatehouseError validation_failed as the API does; invalid_request for a form that is none of ours
 */
export function readGrantsEdit(form: Form, typed: DataScope | undefined): GrantsEdit {
  const seen = readSeen(form.seen ?? '')
  const dropped = new Set(namesAfter(form, dropPrefix))
  const added = [...namesAfter(form, addPrefix).map(scopeOf), ...(typed ? [typed] : [])]
  const wanted = parse(grantsInput, {
    permissions: namesAfter(form, mayPrefix),
    data_scopes: [...seen.dataScopes.filter((scope) => !dropped.has(spelled(scope))), ...added],
  })
  return { seen, wanted: canonicalGrants(toGrants(wanted)) }
}

/** The data scope that was typed, if one was, and what is wrong with it. */
export function typedScope({ source = '', scope_id = '' }: Form): { scope?: DataScope; errors: Record<string, Text> } {
  const typed = { source: source.trim(), scope_id: scope_id.trim() }
  if (typed.source === '' && typed.scope_id === '') return { errors: {} }
  if (typed.source === '') return { errors: { source: message('grants.source_missing') } }
  const parsed = dataScope.safeParse({ ...typed, scope_id: typed.scope_id || null })
  if (parsed.success) return { scope: parsed.data, errors: {} }
  return { errors: { [String(parsed.error.issues[0]?.path[0] ?? 'source')]: message('grants.source_wrong') } }
}

/** What differs. */
export function differenceBetween(from: Grants, to: Grants): { removed: Grants; added: Grants } {
  return { removed: beyond(from, to), added: beyond(to, from) }
}

/** The change that somebody wanted, made to what is granted meanwhile. */
export function rebased({ seen, wanted }: GrantsEdit, current: Grants): GrantsEdit {
  return { seen: current, wanted: canonicalGrants(exchanged(current, differenceBetween(seen, wanted))) }
}

function beyond(these: Grants, those: Grants): Grants {
  const permissions = new Set(those.permissions)
  const scopes = new Set(those.dataScopes.map(spelled))
  return {
    permissions: these.permissions.filter((one) => !permissions.has(one)),
    dataScopes: these.dataScopes.filter((one) => !scopes.has(spelled(one))),
  }
}

export function isNothing({ permissions, dataScopes }: Grants): boolean {
  return permissions.length + dataScopes.length === 0
}

const mostBytes = 500_000
const scopePair = z.tuple([z.string().nullable(), z.string().nullable()])
const seenPairs = z.tuple([z.array(z.string()), z.array(scopePair)])

function readSeen(text: string): Grants {
  try {
    const inflated = inflateRawSync(Buffer.from(text, 'base64url'), { maxOutputLength: mostBytes })
    const [permissions, pairs] = seenPairs.parse(JSON.parse(inflated.toString()))
    return canonicalGrants({ permissions, dataScopes: pairs.map(([source, scope_id]) => ({ source, scope_id })) })
  } catch {
    throw new GatehouseError('invalid_request', 'This form has expired. Go back, reload the page and try again.')
  }
}

function namesAfter(form: Form, prefix: string): string[] {
  return Object.keys(form)
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
}

function spelled(scope: DataScope): string {
  return JSON.stringify(pairOf(scope))
}

function pairOf({ source, scope_id }: DataScope) {
  return [source, scope_id]
}

/** What is no data scope is left to the schema to refuse. */
function scopeOf(text: string): unknown {
  try {
    const [source, scope_id] = scopePair.parse(JSON.parse(text))
    return { source, scope_id }
  } catch {
    return text
  }
}
