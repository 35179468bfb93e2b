import Fastify from 'fastify'

const { ISSUER = 'https://id.example.com', CLIENT_ID, CLIENT_SECRET, PORT = '8090' } = process.env

const app = Fastify()
app.decorateRequest('caller', null)
app.get('/configuration-items', { onRequest: permitted('configuration-items:read') }, async (request) => {
  // Only this organization's rows, and of those what caller.data_scopes cover.
  const { sub, org_id, data_scopes } = request.caller
  return { sub, org_id, data_scopes, items: [] }
})
await app.listen({ port: Number(PORT), host: '127.0.0.1' })
console.log(`listening on http://127.0.0.1:${PORT}/`)

/** Lets a request pass whose credential holds a permission at this moment. */
function permitted(permission) {
  const sufficient = [permission, permission.replace(/:.*/, ':*'), '*']
  return async (request, reply) => {
    const caller = await introspect(request).catch((error) => console.error(error.message))
    // No answer from Gatehouse is no permission.
    if (!caller) return reply.code(503).header('Retry-After', '5').send({ detail: 'Cannot check credentials now' })
    if (!caller.active) return reply.code(401).header('WWW-Authenticate', 'Bearer').send()
    if (!sufficient.some((granted) => caller.permissions.includes(granted))) return reply.code(403).send()
    request.caller = caller
  }
}

async function introspect(request) {
  const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const token = bearer ?? request.headers['x-api-key']
  if (!token) return { active: false }
  const path = request.url.split('?', 1)[0]
  const response = await fetch(`${ISSUER}/oauth/introspect`, {
    method: 'POST',
    headers: { Authorization: `Basic ${btoa(`${CLIENT_ID}:${CLIENT_SECRET}`)}` },
    // All but the token is for Gatehouse's authentication log.
    body: new URLSearchParams({ token, ip: request.ip, method: request.method, path }),
    signal: AbortSignal.timeout(5_000),
  })
  if (!response.ok) throw new Error(`introspection answered ${response.status}`)
  return response.json()
}
