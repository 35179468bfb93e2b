import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram } from '#support/temporary-server.ts'

export const folder = new URL('../../examples/integrations/', import.meta.url).pathname

/** Where a test has put what the example talks to. */
export interface Surroundings {
  /** Of the example itself, on 127.0.0.1. */
  port: number
  /** `127.0.0.1:PORT`, answering as Gatehouse; and the same with TLS, trusted by `certificate`. */
  gatehouse: string
  gatehouseTls: string
  certificate: string
  /** The name by which Gatehouse goes. */
  issuerHost: string
  /** `127.0.0.1:PORT` of an API that tells what reached it. */
  inventory: string
  resourceServer: { clientId: string; clientSecret: string }
  /** For whatever has to be written; gone after the test. */
  directory: string
}

interface Command {
  program: string
  args: string[]
  env?: NodeJS.ProcessEnv
}

export interface Integration {
  name: string
  /** What is not installed here; undefined: nothing is missing. */
  missing: string | undefined
  command(surroundings: Surroundings): Command
  /** Whether it is a proxy, and so tells the API behind who is calling. */
  isProxy: boolean
  /** Whether it reads X-API-Key as well. */
  readsApiKeyHeader: boolean
  /** Of one that goes by what an answer says, whatever its status; Gatehouse says nothing like it with a 500. */
  ignoresStatus?: boolean
}

const program = (...names: string[]) => findProgram(names[0]!, ['/usr/sbin', '/usr/bin', '/usr/local/sbin'])
const missingProgram = (name: string) => (program(name) ? undefined : name)
const read = (path: string) => readFileSync(join(folder, path), 'utf8')

/** An example's file with the test's addresses in the place of those that it names. */
function adapted(path: string, { gatehouse, inventory, issuerHost }: Surroundings): string {
  return read(path)
    .replaceAll('gatehouse.internal:3000', gatehouse)
    .replaceAll('inventory.internal:8090', inventory)
    .replaceAll(/(?<!\/\/)id\.example\.com/g, issuerHost)
}

function write({ directory }: Surroundings, name: string, text: string): string {
  const file = join(directory, name)
  writeFileSync(file, text)
  return file
}

/** What the programs that introspect take from the environment. */
function environment({ port, gatehouse, resourceServer }: Surroundings): NodeJS.ProcessEnv {
  const { clientId, clientSecret } = resourceServer
  const { PATH, HOME } = process.env
  return {
    PATH,
    HOME,
    PORT: String(port),
    ISSUER: `http://${gatehouse}`,
    CLIENT_ID: clientId,
    CLIENT_SECRET: clientSecret,
  }
}

const apacheModules = '/usr/lib/apache2/modules'
const python = ['/usr/bin/python3', findProgram('python3')].find(
  (file) => file && existsSync(file) && spawnSync(file, ['-c', 'import fastapi, uvicorn, httpx']).status === 0,
)

export const integrations: Integration[] = [
  ...['express', 'fastify'].map((name) => ({
    name,
    missing: undefined,
    isProxy: false,
    readsApiKeyHeader: true,
    command: (at: Surroundings) => ({
      program: process.execPath,
      args: [join(folder, name, 'server.js')],
      env: environment(at),
    }),
  })),
  {
    name: 'fastapi',
    missing: python ? undefined : 'python3 with fastapi, uvicorn and httpx',
    isProxy: false,
    readsApiKeyHeader: true,
    command: (at) => ({
      program: python!,
      args: ['-m', 'uvicorn', '--app-dir', join(folder, 'fastapi'), 'main:app', '--port', String(at.port)],
      env: { ...environment(at), PYTHONDONTWRITEBYTECODE: '1' },
    }),
  },
  {
    name: 'go',
    missing: missingProgram('go'),
    isProxy: false,
    readsApiKeyHeader: true,
    command(at) {
      cpSync(join(folder, 'go/main.go'), join(at.directory, 'main.go'))
      const env = {
        ...environment(at),
        GOCACHE: join(at.directory, 'cache'),
        GOFLAGS: '-mod=mod',
        GOTOOLCHAIN: 'local',
      }
      const { status, stderr } = spawnSync('go', ['build', '-o', 'server', 'main.go'], { cwd: at.directory, env })
      if (status !== 0) throw new Error(`go build: ${stderr}`)
      return { program: join(at.directory, 'server'), args: [], env }
    },
  },
  {
    name: 'nginx',
    missing: missingProgram('nginx'),
    isProxy: true,
    readsApiKeyHeader: true,
    command(at) {
      const site = adapted('nginx/gatehouse.conf', at)
        .replace('listen 8080', `listen 127.0.0.1:${at.port}`)
        .replace('/var/log/nginx', at.directory)
      const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
        .map((kind) => `${kind}_temp_path ${at.directory}/${kind};`)
        .join('\n')
      const file = write(
        at,
        'nginx.conf',
        `daemon off; master_process off; pid ${at.directory}/pid; error_log ${at.directory}/error.log;
events {}\nhttp {\n${paths}\n${site}\n}`,
      )
      return { program: program('nginx')!, args: ['-e', `${at.directory}/error.log`, '-p', at.directory, '-c', file] }
    },
  },
  {
    name: 'apache',
    missing:
      missingProgram('apache2') ??
      (existsSync(`${apacheModules}/mod_auth_openidc.so`) ? undefined : 'mod_auth_openidc'),
    isProxy: true,
    readsApiKeyHeader: false,
    ignoresStatus: true,
    command(at) {
      const modules = 'mpm_event authz_core authn_core auth_openidc headers proxy proxy_http env'.split(' ')
      const file = write(
        at,
        'httpd.conf',
        `ServerRoot ${at.directory}\nServerName localhost\nPidFile ${at.directory}/pid\nDefaultRuntimeDir ${at.directory}
Listen 127.0.0.1:${at.port}\nErrorLog ${at.directory}/error.log
${modules.map((name) => `LoadModule ${name}_module ${apacheModules}/mod_${name}.so`).join('\n')}
OIDCCABundlePath ${at.certificate}
<VirtualHost *>
${adapted('apache/gatehouse.conf', at).replace('id.example.com', at.gatehouseTls)}
</VirtualHost>`,
      )
      const env = { PATH: process.env.PATH, INVENTORY_API_SECRET: at.resourceServer.clientSecret }
      return { program: program('apache2')!, args: ['-f', file, '-DFOREGROUND'], env }
    },
  },
  {
    name: 'caddy',
    missing: missingProgram('caddy'),
    isProxy: true,
    readsApiKeyHeader: true,
    command(at) {
      const site = adapted('caddy/Caddyfile', at).replace('inventory.example.com', `http://127.0.0.1:${at.port}`)
      const file = write(at, 'Caddyfile', `{\n\tadmin off\n}\n${site}`)
      const { PATH } = process.env
      const env = { PATH, HOME: at.directory, XDG_DATA_HOME: at.directory, XDG_CONFIG_HOME: at.directory }
      return { program: program('caddy')!, args: ['run', '--config', file, '--adapter', 'caddyfile'], env }
    },
  },
  {
    name: 'haproxy',
    missing: missingProgram('haproxy'),
    isProxy: true,
    readsApiKeyHeader: true,
    command(at) {
      write(at, 'gatehouse.lua', adapted('haproxy/gatehouse.lua', at))
      const configuration = adapted('haproxy/haproxy.cfg', at)
        .replace('bind :8080', `bind 127.0.0.1:${at.port}`)
        .replace('10.0.0.5:3000', at.gatehouse)
        .replace('/etc/haproxy', at.directory)
      return { program: program('haproxy')!, args: ['-f', write(at, 'haproxy.cfg', configuration)] }
    },
  },
]

/** Dovecot's configuration, whole, around the example's, without the seconds by which it slows guesses down. */
export function dovecotCommand(at: Surroundings): Command & { configuration: string } {
  const { clientId, clientSecret } = at.resourceServer
  const asking = read('dovecot/dovecot-oauth2.conf.ext')
    .replace('https://id.example.com', `http://${at.gatehouse}`)
    .replace('= mail', `= ${clientId}`)
    .replace('the-secret-of-the-resource-server', clientSecret)
  write(at, 'dovecot-oauth2.conf.ext', asking)
  mkdirSync(join(at.directory, 'run'))
  const configuration = write(
    at,
    'dovecot.conf',
    `base_dir = ${at.directory}/run\nstate_dir = ${at.directory}/state\nlog_path = ${at.directory}/log
protocols =\nlisten = 127.0.0.1\nssl = no\ndisable_plaintext_auth = no
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
userdb {\n  driver = static\n  args = uid=65534 gid=65534 home=${at.directory}/home/%u\n}
${read('dovecot/auth-gatehouse.conf.ext').replace('/etc/dovecot', at.directory)}`,
  )
  return { program: program('dovecot')!, args: ['-F', '-c', configuration], configuration }
}

/** The configuration is 2.3's: 2.4 names its settings anew. */
export function missingDovecot(): string | undefined {
  const dovecot = program('dovecot')
  const version = dovecot && spawnSync(dovecot, ['--version'], { encoding: 'utf8' }).stdout
  return version?.startsWith('2.3.') && process.getuid?.() === 0 ? undefined : 'dovecot 2.3, started by root'
}
