import type { IncomingMessage } from 'node:http'
import { GatehouseError } from '#foundation/errors.ts'
import { readBody } from './read-body.ts'
import { type Form, parseForm } from './read-form.ts'
import { RequestState } from './request-state.ts'

const forms = new RequestState<Form>()

/**
 * The form of a request to one of the library's endpoints, parsed once for all around it: empty where it is none, or says
 * something twice. What is wrong with it is for the library to say.
 */
export async function lenientForm(of: { req: IncomingMessage }): Promise<Form> {
  const known = forms.get(of)
  if (known) return known
  const form = parsedOrEmpty(await readBody(of.req))
  forms.set(of, form)
  return form
}

function parsedOrEmpty(body: string): Form {
  try {
    return parseForm(body)
  } catch (error) {
    if (error instanceof GatehouseError) return {}
    throw error
  }
}
