import { createServer } from 'node:http'

/** What every number is a ratio to: a bare node:http server that answers 400 bytes of JSON. */
const body = JSON.stringify({ padding: 'x'.repeat(386) })

createServer((_request, response) => {
  response.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(body.length)])
  response.end(body)
}).listen(Number(process.env.PORT), '127.0.0.1', () => process.stdout.write('ready\n'))
