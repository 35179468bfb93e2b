import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { extname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '#support/free-port.ts'
import { type Gatehouse, resourceServer, startGatehouse } from '#support/gatehouse.ts'
import { type Failure, startRelay } from '#support/gatehouse-relay.ts'
import { act, type Created, createKey, signInTo } from '#support/keys.ts'
import { findProgram, makeTemporaryDirectory, run, startProgram, stopProgram } from '#support/temporary-server.ts'
import { send } from '#support/wire.ts'
import { dovecotCommand, folder, integrations, missingDovecot, type Surroundings } from './integrations.ts'

let gatehouse: Gatehouse
let relay: Awaited<ReturnType<typeof startRelay>>
let tlsRelay: Awaited<ReturnType<typeof startRelay>>
let directory: string
let allowed: Created
let forbidden: Created
let ada: Awaited<ReturnType<typeof signInTo>>
/** What reached the API behind the proxies. */
let reached: { url: string; headers: IncomingHttpHeaders }[] = []
const inventory = createServer(({ url = '', headers }, response) => {
  reached.push({ url, headers })
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"items":[]}')
})

beforeAll(async () => {
  gatehouse = await startGatehouse()
  directory = makeTemporaryDirectory('integrations')
  chmodSync(directory, 0o755)
  inventory.listen(0, '127.0.0.1')
  await once(inventory, 'listening')
  relay = await startRelay(gatehouse.url)
  tlsRelay = await startRelay(gatehouse.url, await selfSigned())
  ada = await signInTo(gatehouse, 'acme')
  allowed = await createKey(gatehouse, ada)
  forbidden = await createKey(gatehouse, await signInTo(gatehouse, 'globex', 'grace@globex.test'))
})
afterAll(async () => {
  await relay?.stop()
  await tlsRelay?.stop()
  inventory.close()
  await gatehouse?.stop()
  rmSync(directory, { recursive: true, force: true })
})

for (const { name, missing, command, isProxy, readsApiKeyHeader, ignoresStatus } of integrations) {
  if (missing) console.warn(`NOT TESTED: examples/integrations/${name}, because ${missing} is not installed`)

  describe.skipIf(missing)(`a route behind ${name}`, () => {
    let port: number
    let stop: (() => Promise<void>) | undefined
    beforeAll(async () => {
      port = await freePort()
      const { program, args, env } = command(await surroundings(name, port))
      const child = await startProgram(program, args, { ...(env && { env }), ready: () => connectTo(port) })
      stop = () => stopProgram(child, 'SIGTERM')
    })
    afterAll(() => stop?.())

    const ask = async (headers: Record<string, string> = {}, path = '/configuration-items') => {
      reached = []
      return send({ url: `http://127.0.0.1:${port}` }, port, { path, headers })
    }
    const bearer = (key: string) => ({ authorization: `Bearer ${key}` })
    const subject = () => (allowed.json.user as { id: string }).id

    test('answers who may, knowing who it is', async () => {
      for (const headers of [bearer(allowed.key), ...(readsApiKeyHeader ? [{ 'x-api-key': allowed.key }] : [])]) {
        const { status, json } = await ask(headers)
        expect(status).toBe(200)
        expect(isProxy ? reached[0]!.headers['x-auth-subject'] : json.sub).toBe(subject())
      }
    })

    test('is 403 without the permission, and 401 for none, an unknown and a mistyped credential', async () => {
      expect((await ask(bearer(forbidden.key))).status).toBe(403)
      for (const headers of [{}, bearer('nonsense'), bearer(`${allowed.key.slice(0, -1)}_`)]) {
        expect((await ask(headers)).status).toBe(401)
      }
      expect(reached).toEqual([])
    })

    test('is closed to a key from the first request after its revocation', async () => {
      const { id, key } = await createKey(gatehouse, ada)
      expect((await ask(bearer(key))).status).toBe(200)
      await act(gatehouse, ada, 'POST', id, '/revoke')
      expect((await ask(bearer(key))).status).toBe(401)
    })

    test('believes no X-Auth header of the client, and hands the API no credential', async () => {
      const claims = Object.fromEntries(
        ['Subject', 'Organization', 'Permissions', 'Data-Scopes'].flatMap((claim) => [
          [`X-Auth-${claim}`, 'made-up'],
          [`X_Auth_${claim.replace('-', '_')}`, 'made-up'],
        ]),
      )
      const { status, json } = await ask({ ...bearer(allowed.key), ...claims })
      expect(status).toBe(200)
      if (!isProxy) expect(json.sub).toBe(subject())
      expect(JSON.stringify(reached)).not.toContain('made-up')
      expect(JSON.stringify(reached)).not.toContain(allowed.key)
      expect((await ask(claims)).status).toBe(401)
      expect(reached).toEqual([])
    })

    test('is closed while Gatehouse cannot be asked, and open again afterwards', async () => {
      const failures: Failure[] = [
        'ends connections',
        'answers 500',
        ...(ignoresStatus ? [] : (['answers 500 and yes'] as const)),
      ]
      for (const failure of failures) {
        relay.failure = tlsRelay.failure = failure
        const { status } = await ask(bearer(allowed.key)).finally(() => {
          relay.failure = tlsRelay.failure = undefined
        })
        expect([failure, status >= 400, reached]).toEqual([failure, true, []])
      }
      expect((await ask(bearer(allowed.key))).status).toBe(200)
    })
  })
}

const withoutDovecot = missingDovecot()
if (withoutDovecot) console.warn(`NOT TESTED: examples/integrations/dovecot, because it needs ${withoutDovecot}`)

describe.skipIf(withoutDovecot)('mail behind dovecot', () => {
  test('opens to an address with a key of its own as the password, for as long as that lives', async () => {
    const { program, args, configuration } = dovecotCommand(await surroundings('dovecot', await freePort()))
    const opens = async (email: string, key: string) => {
      const test = run(findProgram('doveadm')!, ['-c', configuration, 'auth', 'test', email, key], undefined)
      return test.then(
        () => true,
        () => false,
      )
    }
    const { id, key } = await createKey(gatehouse, ada)
    const ready = async () => expect(await opens('ada@acme.test', key)).toBe(true)
    const child = await startProgram(program, args, { ready })
    try {
      expect(await opens('grace@globex.test', key)).toBe(false)
      expect(await opens('ada@acme.test', 'nonsense')).toBe(false)
      relay.failure = 'ends connections'
      expect(await opens('ada@acme.test', key)).toBe(false)
      relay.failure = undefined
      expect(await opens('ada@acme.test', key)).toBe(true)
      await act(gatehouse, ada, 'POST', id, '/revoke')
      expect(await opens('ada@acme.test', key)).toBe(false)
    } finally {
      relay.failure = undefined
      await stopProgram(child, 'SIGTERM')
    }
  })
})

const java = findProgram('java')
if (!java) console.warn('NOT TESTED: examples/integrations/spring, not even its syntax, because java is not installed')
else console.warn('NOT TESTED: examples/integrations/spring but for its syntax: Spring is not installed')

test.skipIf(!java)(
  'the configuration for Spring is Java',
  async () => {
    const parser = join(directory, 'Parse.java')
    writeFileSync(parser, javaParser)
    await run(java!, [parser, join(folder, 'spring/SecurityConfiguration.java')], undefined)
  },
  60_000,
)

const languages: Record<string, string> = {
  '.js': 'js',
  '.py': 'python',
  '.go': 'go',
  '.java': 'java',
  '.yaml': 'yaml',
  '.conf': 'conf',
  '.cfg': 'haproxy',
  '.lua': 'lua',
  '.ext': 'conf',
  '': 'caddyfile',
}

test.each(readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()))(
  'docs/integrate.md quotes $name as it is',
  ({ parentPath, name }) => {
    const page = readFileSync(join(folder, '../../docs/integrate.md'), 'utf8')
    const text = readFileSync(join(parentPath, name), 'utf8')
    expect(page.includes(`\`\`\`${languages[extname(name)]}\n${text}\`\`\``)).toBe(true)
  },
)

async function surroundings(name: string, port: number): Promise<Surroundings> {
  return {
    port,
    gatehouse: `127.0.0.1:${relay.port}`,
    gatehouseTls: `localhost:${tlsRelay.port}`,
    certificate: join(directory, 'certificate.pem'),
    issuerHost: new URL(gatehouse.url).host,
    inventory: `127.0.0.1:${(inventory.address() as AddressInfo).port}`,
    resourceServer,
    directory: makeDirectory(name),
  }
}

function makeDirectory(name: string): string {
  const made = makeTemporaryDirectory(name)
  chmodSync(made, 0o755)
  temporary.push(made)
  return made
}

const temporary: string[] = []
afterAll(() => {
  for (const made of temporary) rmSync(made, { recursive: true, force: true })
})

async function connectTo(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.destroy()
}

/** For localhost, of a day. */
async function selfSigned(): Promise<{ key: string; cert: string }> {
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const args = ['req', '-x509', ...curve, '-nodes', '-days', '1', ...subject, '-keyout', key, '-out', cert]
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}

/** Parses without resolving what is imported: the libraries are not here. */
const javaParser = `
import java.nio.file.Path;
import java.util.List;
import javax.tools.*;
import com.sun.source.util.JavacTask;

class Parse {
  public static void main(String[] files) throws Exception {
    var problems = new DiagnosticCollector<JavaFileObject>();
    var compiler = ToolProvider.getSystemJavaCompiler();
    var manager = compiler.getStandardFileManager(problems, null, null);
    var sources = manager.getJavaFileObjects(Path.of(files[0]));
    ((JavacTask) compiler.getTask(null, manager, problems, List.of(), null, sources)).parse();
    for (var problem : problems.getDiagnostics()) System.err.println(problem);
    if (!problems.getDiagnostics().isEmpty()) System.exit(1);
  }
}
`
