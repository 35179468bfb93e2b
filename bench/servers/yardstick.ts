import cluster from 'node:cluster'
import { createServer } from 'node:http'

/**
 * What every number is a ratio to: a bare node:http server that answers 400 bytes of JSON. With WORKERS as many processes
 * on one port.
 */
const workers = Number(process.env.WORKERS ?? 1)
if (workers > 1 && cluster.isPrimary) {
  let listening = 0
  cluster.on('listening', () => {
    if (++listening === workers) process.stdout.write('ready\n')
  })
  for (let worker = 0; worker < workers; worker++) cluster.fork()
  process.on('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.kill()
    process.exit(0)
  })
} else serve()

function serve(): void {
  const body = JSON.stringify({ padding: 'x'.repeat(386) })
  const server = createServer((_request, response) => {
    response.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(body.length)])
    response.end(body)
  })
  server.listen(Number(process.env.PORT), '127.0.0.1', () => {
    if (cluster.isPrimary) process.stdout.write('ready\n')
  })
}
