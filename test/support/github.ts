import { createHash } from 'node:crypto'
import { upstreamClient } from './identity-provider.ts'
import { listen } from './upstream-provider.ts'

interface GitHubUser {
  id: number
  login: string
  name: string | null
}

/**
 * A stand-in for GitHub as docs.github.com describes it: the web application flow, `GET /user`, `GET /user/emails`; at
 * the addresses of a GitHub Enterprise Server. An error of the token endpoint has status 200.
 */
export interface GitHub {
  issuer: string
  host: string
  user: GitHubUser
  emails: { email: string; primary: boolean; verified: boolean; visibility?: string | null }[]
  /** What it hands out; one that it doesn't know again when it is changed meanwhile. */
  code: string | undefined
  fail: { path: string; status: number } | undefined
  reset(): void
  stop(): Promise<void>
}

export async function startGitHub(): Promise<GitHub> {
  const issued = new Map<string, { challenge: string; redirectUri: string }>()
  const state = {
    reset() {
      Object.assign(state, {
        user: { id: 583231, login: 'octocat', name: 'The Octocat' },
        emails: [
          { email: 'spare@example.test', primary: false, verified: true, visibility: null },
          { email: 'octocat@example.test', primary: true, verified: true, visibility: 'private' },
        ],
        code: undefined,
        fail: undefined,
      })
    },
  } as GitHub
  state.reset()

  const server = await listen((issuer) => async (request, response) => {
    const url = new URL(request.url ?? '', issuer)
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
      response.end(JSON.stringify(body))
    }
    if (state.fail?.path === url.pathname) return answer(state.fail.status, { message: 'failed' })
    if (url.pathname === '/login/oauth/authorize') {
      const code = `code-${issued.size}`
      const redirectUri = url.searchParams.get('redirect_uri')!
      issued.set(code, { challenge: url.searchParams.get('code_challenge')!, redirectUri })
      const target = new URL(redirectUri)
      target.searchParams.set('code', state.code ?? code)
      target.searchParams.set('state', url.searchParams.get('state')!)
      response.writeHead(302, { location: target.href })
      return void response.end()
    }
    if (url.pathname === '/login/oauth/access_token') {
      let body = ''
      for await (const chunk of request) body += chunk
      const form = new URLSearchParams(body)
      const known = issued.get(form.get('code') ?? '')
      issued.delete(form.get('code') ?? '')
      const challenge = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url')
      const right =
        form.get('client_id') === upstreamClient.clientId && form.get('client_secret') === upstreamClient.clientSecret
      if (!right) return answer(200, { error: 'incorrect_client_credentials' })
      if (!known || known.challenge !== challenge || known.redirectUri !== form.get('redirect_uri')) {
        return answer(200, { error: 'bad_verification_code', error_description: 'The code passed is incorrect.' })
      }
      return answer(200, { access_token: 'gho_token', scope: 'read:user,user:email', token_type: 'bearer' })
    }
    if (request.headers.authorization !== 'Bearer gho_token' || !request.headers['user-agent']) {
      return answer(401, { message: 'Requires authentication' })
    }
    if (url.pathname === '/api/v3/user') return answer(200, state.user)
    if (url.pathname === '/api/v3/user/emails') return answer(200, state.emails)
    return answer(404, { message: 'Not Found' })
  })
  return Object.assign(state, server)
}
