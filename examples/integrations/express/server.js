import express from 'express'

const { ISSUER = 'https://id.example.com', CLIENT_ID, CLIENT_SECRET, PORT = '8090' } = process.env

const app = express()
app.get('/configuration-items', permitted('configuration-items:read'), (request, response) => {
  // Only this organization's rows, and of those what caller.data_scopes cover.
  const { sub, org_id, data_scopes } = request.caller
  response.json({ sub, org_id, data_scopes, items: [] })
})
// No answer from Gatehouse is no permission.
app.use((error, _request, response, next) => {
  console.error(error.message)
  if (response.headersSent) return next(error)
  response.status(503).set('Retry-After', '5').json({ detail: 'Cannot check credentials now' })
})
app.listen(Number(PORT), '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${PORT}/`))

/** Lets a request pass whose credential holds a permission at this moment. */
function permitted(permission) {
  const sufficient = [permission, permission.replace(/:.*/, ':*'), '*']
  return async (request, response, next) => {
    const caller = await introspect(request)
    if (!caller.active) return response.status(401).set('WWW-Authenticate', 'Bearer').end()
    if (!sufficient.some((granted) => caller.permissions.includes(granted))) return response.status(403).end()
    request.caller = caller
    next()
  }
}

async function introspect(request) {
  const bearer = /^Bearer +(\S+)$/i.exec(request.get('authorization') ?? '')?.[1]
  const token = bearer ?? request.get('x-api-key')
  if (!token) return { active: false }
  const response = await fetch(`${ISSUER}/oauth/introspect`, {
    method: 'POST',
    headers: { Authorization: `Basic ${btoa(`${CLIENT_ID}:${CLIENT_SECRET}`)}` },
    // All but the token is for Gatehouse's authentication log.
    body: new URLSearchParams({ token, ip: request.ip, method: request.method, path: request.path }),
    signal: AbortSignal.timeout(5_000),
  })
  if (!response.ok) throw new Error(`introspection answered ${response.status}`)
  return response.json()
}
