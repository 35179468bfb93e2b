import { codePlace } from './requests.ts'

/**
 * What one connection says. A unit of work is one request, or for a sign-in two; whole HTTP/1.1 texts.
 */
export interface Conversation {
  /** The first request of the next unit. */
  begin(): string | Buffer
  /** What follows this answer in the same unit; undefined where the unit is done. */
  follow?(answer: string): string | undefined
}

export type Speech =
  /** Each connection goes round all requests from its own place. */
  | { kind: 'round'; requests: string[] }
  /** Refresh grants: each connection has its own request, from then on with the refresh token of its last answer. */
  | { kind: 'refresh'; requests: string[] }
  /** Authorization code and PKCE: each connection has a browser's cookies, and asks for a code and redeems it. */
  | { kind: 'code'; authorize: string; redeem: string; cookies: string[] }

export function conversation(speech: Speech, index: number, connections: number): Conversation {
  switch (speech.kind) {
    case 'round':
      return goingRound(speech.requests, Math.floor((index * speech.requests.length) / connections))
    case 'refresh':
      return refreshing(speech.requests, index)
    case 'code':
      return gettingCodes(speech, index)
  }
}

function goingRound(requests: string[], start: number): Conversation {
  const bytes = requests.map((request) => Buffer.from(request))
  let next = start
  return { begin: () => bytes[next++ % bytes.length]! }
}

/** Writes where it arrived into `requests`, for the next round: a refresh token is spent by its use. */
function refreshing(requests: string[], index: number): Conversation {
  return {
    begin: () => requests[index]!,
    follow(answer) {
      const token = /"refresh_token":"([\w-]+)"/.exec(answer)?.[1]
      if (token) requests[index] = requests[index]!.replace(/refresh_token=[\w-]+/, `refresh_token=${token}`)
      return undefined
    },
  }
}

function gettingCodes({ authorize, redeem, cookies }: Speech & { kind: 'code' }, index: number): Conversation {
  const jar = new Map(cookies[index]!.split('; ').map((pair) => pair.split(/=(.*)/s, 2) as [string, string]))
  return {
    begin() {
      const header = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
      return authorize.replace('\r\n\r\n', `\r\nCookie: ${header}\r\n\r\n`)
    },
    follow(answer) {
      const head = answer.slice(0, answer.indexOf('\r\n\r\n'))
      for (const [, name = '', value = ''] of head.matchAll(/\r\nset-cookie: ([^=]+)=([^;\r]*)/gi)) {
        if (value) jar.set(name, value)
        else jar.delete(name)
      }
      const code = /\r\nlocation: [^\r]*[?&]code=([\w-]{43})/i.exec(head)?.[1]
      return code && redeem.replace(codePlace, code)
    },
  }
}
