import type { NamedInExchange } from '#adapters/find-for-exchange.ts'
import { sha256Hex } from '#foundation/crypto/sha256.ts'
import { isStorable } from '#foundation/database/database.ts'
import type { Form } from '#foundation/http/read-form.ts'

/** What a token request names, as far as it can be told before the library has looked at it. */
export function namedInExchange(form: Form, authorization: string | undefined): NamedInExchange {
  return {
    clientId: storable(clientIn(form, authorization)),
    ...credentialIn(form),
    resource: storable(form.resource),
  }
}

function credentialIn(form: Form): Pick<NamedInExchange, 'refreshTokenHash' | 'code'> {
  const { grant_type: grantType, refresh_token: refreshToken, code, device_code: deviceCode } = form
  switch (grantType) {
    case 'refresh_token':
      return refreshToken === undefined ? {} : { refreshTokenHash: sha256Hex(refreshToken) }
    case 'authorization_code':
      return code === undefined ? {} : { code: { model: 'AuthorizationCode', idHash: sha256Hex(code) } }
    case 'urn:ietf:params:oauth:grant-type:device_code':
      return deviceCode === undefined ? {} : { code: { model: 'DeviceCode', idHash: sha256Hex(deviceCode) } }
    default:
      return {}
  }
}

/** RFC 6749 §2.3.1, RFC 7523 §3: whichever way it comes, the library decides whether it may. */
function clientIn(form: Form, authorization: string | undefined): string | undefined {
  if (form.client_id !== undefined) return form.client_id
  if (form.client_assertion !== undefined) return subjectOf(form.client_assertion)
  const basic = authorization === undefined ? undefined : /^basic +(\S+)$/i.exec(authorization)?.[1]
  if (basic === undefined) return undefined
  const encoded = Buffer.from(basic, 'base64').toString().split(':', 1)[0] ?? ''
  try {
    return decodeURIComponent(encoded.replaceAll('+', '%20'))
  } catch {
    return undefined
  }
}

function subjectOf(jwt: string): string | undefined {
  try {
    const { sub } = JSON.parse(Buffer.from(jwt.split('.', 2)[1] ?? '', 'base64url').toString())
    return typeof sub === 'string' ? sub : undefined
  } catch {
    return undefined
  }
}

function storable(text: string | undefined): string | undefined {
  return text?.isWellFormed() && isStorable(text) ? text : undefined
}
