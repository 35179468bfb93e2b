import { describe, expect, test } from 'vitest'
import { SetupError } from '#authentication/setup/setup-error.ts'
import { parseSetupFile } from '#surfaces/setup/setup-file.ts'

/** The lines in which a file is refused. */
function refusal(text: string, environment: NodeJS.ProcessEnv = {}): string[] {
  try {
    parseSetupFile(text, 'gatehouse.yaml', environment)
  } catch (error) {
    if (error instanceof SetupError) return error.message.split('\n')
    throw error
  }
  return []
}

const client = (lines: string) => `clients:\n  - client_id: app\n${lines.replace(/^/gm, '    ')}\n`

const sample = `
permissions:
  - { name: configuration-items:read, description: See configuration items }
  - { name: configuration-items:write }
resource_servers:
  - client_id: inventory-api
    client_secret: inventory-secret
    resource: https://inventory.example
    access_token_format: opaque
clients:
  - client_id: console
    client_name: Console
    first_party: true
    redirect_uris: [http://localhost:8080/callback]
    post_logout_redirect_uris: [http://localhost:8080/]
    token_endpoint_auth_method: none
    grant_types: [authorization_code, refresh_token]
  - client_id: nightly-export
    client_secret: nightly-secret
    grant_types: [client_credentials]
    organization: acme
    permissions: [configuration-items:read]
    data_scopes: [{ source: ceph, scope_id: null }]
users:
  - { email: root@example.test, name: Root, password: root-password, superadmin: true }
  - { email: ada@acme.test, name: Ada, password: ada-password }
organizations:
  - slug: acme
    name: Acme Corporation
    domains: [acme.test]
    teams:
      - name: readers
        permissions: [configuration-items:read]
        data_scopes: [{ source: kubernetes, scope_id: prod-cluster }]
      - { name: writers, permissions: [configuration-items:write] }
    members:
      - email: ada@acme.test
        admin: true
        teams: [readers, writers]
        permissions: []
        data_scopes: [{ source: proxmox, scope_id: null }]
    connections:
      - { name: acme-okta, type: oidc, issuer: https://idp.example, client_id: a, client_secret: b, jit: true,
          default_teams: [readers], group_claim: groups, group_teams: { sre: writers }, required: false }
connections:
  - { name: github, type: github, client_id: a, client_secret: b }
`

test('the whole sample of the documentation is accepted', () => {
  const setup = parseSetupFile(sample, 'gatehouse.yaml')
  expect(setup.values.organizations?.[0]?.members?.[0]?.teams).toEqual(['readers', 'writers'])
  expect(setup.values.organizations?.[0]?.connections?.[0]?.group_teams).toEqual({ sre: 'writers' })
})

test('an empty file, or only comments, names nothing', () => {
  expect(parseSetupFile('', 'gatehouse.yaml').values).toEqual({})
  expect(parseSetupFile('# later\n', 'gatehouse.yaml').values).toEqual({})
})

test('every problem is told at once, in the order of the file', () => {
  const text = `
permissions:
  - { nmae: items:read }
users:
  - email: ada@acme.test
    passwort: hunter2hunter2
  - email: Ada
organizations:
  - slug: Acme
    teams:
      - permissions: [items]
surprise: 1
`
  expect(refusal(text)).toEqual([
    'gatehouse.yaml:3:5 permissions[0].name: is required',
    'gatehouse.yaml:3:7 permissions[0].nmae: is not a known key; did you mean `name`?',
    'gatehouse.yaml:6:5 users[0].passwort: is not a known key; did you mean `password`?',
    'gatehouse.yaml:7:12 users[1].email: must be an e-mail address',
    'gatehouse.yaml:9:11 organizations[0].slug: must be 2 to 63 lower-case letters, digits or hyphens',
    'gatehouse.yaml:11:9 organizations[0].teams[0].name: is required',
    'gatehouse.yaml:11:23 organizations[0].teams[0].permissions[0]: must look like configuration-items:read, configuration-items:* or *',
    'gatehouse.yaml:12:1 surprise: is not a known key',
  ])
})

test.each([
  ['a key of a client', 'clients:\n  - { redirect_uri: [] }', '2:7', 'redirect_uris'],
  ['a key in camel case', 'clients:\n  - { redirectUris: [] }', '2:7', 'redirect_uris'],
  ['a key with hyphens', 'clients:\n  - { client-id: x }', '2:7', 'client_id'],
  ['two letters exchanged', 'organizations:\n  - { sulg: acme }', '2:7', 'slug'],
  ['a key of the whole file', 'oragnisations: []', '1:1', 'organizations'],
  ['a key deep inside', 'organizations:\n  - branding: { accent_colour: x }', '2:17', 'accent_color'],
  [
    'a value of a few',
    'clients:\n  - { client_id: x, token_endpoint_auth_method: client-secret-basic }',
    '2:49',
    'client_secret_basic',
  ],
])('%s that is misspelled is answered with what was meant', (_name, text, place, meant) => {
  const problem = refusal(text).find((line) => line.startsWith(`gatehouse.yaml:${place} `))
  expect(problem?.endsWith(`; did you mean \`${meant}\`?`)).toBe(true)
})

test('where nothing known is like it, nothing is guessed', () => {
  expect(refusal('clients:\n  - { flavour: x }')).toContain('gatehouse.yaml:2:7 clients[0].flavour: is not a known key')
  expect(refusal('connections:\n  - { type: hunter2 }')).toContain(
    'gatehouse.yaml:2:13 connections[0].type: must be one of oidc, google, github',
  )
})

describe('what is no YAML is refused with its line', () => {
  test.each([
    ['a repeated key', 'users: []\nusers: []\n', 'gatehouse.yaml:2:1 this key is there twice'],
    ['tabs', 'users:\n\t- email: a@b.test\n', 'gatehouse.yaml:2:1 indent with spaces instead of tabs'],
    ['something open', 'users: [\n', 'gatehouse.yaml:2:1 the indentation does not fit, or a bracket'],
    ['two documents', 'users: []\n---\nusers: []\n', 'gatehouse.yaml:2:1 the file holds a second document'],
    [
      'an alias of nothing',
      'users:\n  - { email: a@b.test, password: *hunter2 }\n',
      'gatehouse.yaml:2:34 there is no such anchor',
    ],
    [
      'an unknown tag',
      'users:\n  - email: a@b.test\n    password: !hunter2\n',
      'gatehouse.yaml:3:15 is not a known tag',
    ],
    ['a list as key', '? [a]\n: 1\n', 'gatehouse.yaml:1:3 a key must be plain text'],
  ])('%s', (_name, text, message) => {
    expect(refusal(text)[0]).toContain(message)
    expect(refusal(text).join()).not.toContain('hunter2')
  })

  test('aliases that multiply', () => {
    const levels = Array.from({ length: 12 }, (_, level) => `  - &l${level + 1} [${`*l${level},`.repeat(9)}*l${level}]`)
    expect(refusal(`users:\n  - &l0 [x]\n${levels.join('\n')}\n`)).toEqual([
      'gatehouse.yaml:1:1 unfolds aliases into more than 200 values',
    ])
  })

  test('nesting without end', () => {
    expect(refusal(`users: ${'['.repeat(20_000)}`)[0]).toMatch(/^gatehouse\.yaml:1:\d+ /)
  })

  test('an alias that is used sensibly is fine, and mistakes in it are found where they are written', () => {
    const text = (permission: string) => `
organizations:
  - slug: acme
    teams:
      - { name: one, permissions: &read [${permission}] }
      - { name: two, permissions: *read }
`
    expect(refusal(text('items:read'))).toEqual([])
    expect(refusal(text('items'))).toEqual([
      expect.stringContaining('gatehouse.yaml:5:42 organizations[0].teams[0].permissions[0]:'),
      expect.stringContaining('gatehouse.yaml:5:42 organizations[0].teams[1].permissions[0]:'),
    ])
  })
})

describe('values are refused where they stand', () => {
  test.each([
    [
      'a number as password',
      'users:\n  - { email: a@b.test, password: 12345678 }',
      '2:34 users[0].password: must be text',
    ],
    [
      'a short password',
      'users:\n  - { email: a@b.test, password: hunter2 }',
      '2:34 users[0].password: must be at least 8',
    ],
    [
      'a password of four characters in eight units',
      'users:\n  - { email: a@b.test, password: 😀🙂🙃😉 }',
      '2:34 users[0].password: must be at least 8',
    ],
    [
      'a plain password as hash',
      'users:\n  - { email: a@b.test, password_hash: hunter2 }',
      '2:39 users[0].password_hash: must be a hash of a known form',
    ],
    [
      'two passwords',
      'users:\n  - { email: a@b.test, password: hunter2hunter2, password_env: X }',
      '2:64 users[0].password_env: password, ',
    ],
    ['a list that is none', 'users: { email: a@b.test }', '1:8 users: must be a list'],
    [
      'true in words',
      'users:\n  - { email: a@b.test, superadmin: "yes" }',
      '2:36 users[0].superadmin: must be true or false',
    ],
    ['a wildcard in the catalogue', 'permissions:\n  - name: items:*', '2:11 permissions[0].name: must look like'],
    [
      'a scope of no source',
      'organizations:\n  - slug: acme\n    teams:\n      - name: t\n        data_scopes:\n          - { source: null, scope_id: x }',
      '6:13 organizations[0].teams[0].data_scopes[0]: a scope_id needs a source',
    ],
    [
      'half a scope',
      'organizations:\n  - slug: acme\n    teams:\n      - { name: t, data_scopes: [{ source: x }] }',
      '4:34 organizations[0].teams[0].data_scopes[0].scope_id: ',
    ],
    [
      'a colour by name',
      'organizations:\n  - slug: acme\n    branding: { accent_color: red }',
      '3:31 organizations[0].branding.accent_color: must be a colour',
    ],
    [
      'a logo without https',
      'organizations:\n  - slug: acme\n    branding: { logo_url: http://x.test/l.png }',
      '3:27 organizations[0].branding.logo_url: must be an https URL',
    ],
    [
      'an address as domain',
      'organizations:\n  - slug: acme\n    domains: [ada@acme.test]',
      '3:15 organizations[0].domains[0]: must be a domain',
    ],
    [
      'an unknown kind of connection',
      'connections:\n  - { name: x, type: saml, client_id: a }',
      '2:22 connections[0].type: must be one of oidc, google, github',
    ],
    [
      'OpenID Connect without issuer',
      'connections:\n  - { name: x, type: oidc, client_id: a }',
      '2:5 connections[0].issuer: is required for type oidc',
    ],
    [
      'an issuer of a provider that has its own',
      'connections:\n  - { name: x, type: google, client_id: a, client_secret: b, issuer: https://idp.test }',
      '2:70 connections[0].issuer: is https://accounts.google.com: leave it out',
    ],
    [
      'an issuer with a query',
      'connections:\n  - { name: x, type: oidc, client_id: a, issuer: "https://idp.test/?a=b" }',
      '2:50 connections[0].issuer: must be without user, query and fragment',
    ],
    [
      'GitHub without a secret',
      'connections:\n  - { name: x, type: github, client_id: a }',
      '2:5 connections[0].client_secret: is required for type github',
    ],
    [
      'groups of GitHub',
      'organizations:\n  - slug: acme\n    connections:\n      - { name: x, type: github, client_id: a, client_secret: b, group_claim: orgs }',
      '4:79 organizations[0].connections[0].group_claim: groups are for type oidc and google',
    ],
    [
      'groups of no claim',
      'organizations:\n  - slug: acme\n    connections:\n      - { name: x, type: oidc, issuer: https://idp.test, client_id: a, group_teams: { sre: t } }',
      '4:9 organizations[0].connections[0].group_claim: is required with group_teams',
    ],
    [
      'a required connection for the whole deployment',
      'connections:\n  - { name: x, type: github, client_id: a, client_secret: b, required: true }',
      "2:72 connections[0].required: is for an organization's connection",
    ],
    [
      'a team of the whole deployment',
      'connections:\n  - { name: x, type: github, client_id: a, client_secret: b, default_teams: [t] }',
      "2:77 connections[0].default_teams: is for an organization's connection",
    ],
    [
      'two secrets of a connection',
      'connections:\n  - { name: x, type: github, client_id: a, client_secret: hunter2, client_secret_env: SECRET }',
      '2:87 connections[0].client_secret_env: client_secret and client_secret_env exclude each other',
    ],
    [
      'a name that is no part of a URL',
      'connections:\n  - { name: Acme/Okta, type: github, client_id: a, client_secret: b }',
      '2:13 connections[0].name: must be 1 to 63 lower-case letters',
    ],
    [
      'the prototype',
      'organizations:\n  - slug: acme\n    __proto__: { admin: true }',
      '3:5 organizations[0].__proto__: is not a known key',
    ],
  ])('%s', (_name, text, message) => {
    expect(refusal(text)[0]).toContain(`gatehouse.yaml:${message}`)
    expect(refusal(text).join()).not.toContain('hunter2')
  })
})

describe('what is in the file twice is refused', () => {
  test.each([
    ['permission', 'permissions:\n  - name: a:b\n  - name: a:b', '3:11 permissions[1].name'],
    ['user, in another spelling', 'users:\n  - email: ada@acme.test\n  - email: Ada@ACME.test', '3:12 users[1].email'],
    ['organization', 'organizations:\n  - slug: acme\n  - slug: acme', '3:11 organizations[1].slug'],
    [
      'team, in another spelling',
      'organizations:\n  - slug: acme\n    teams: [{ name: a }, { name: A }]',
      '3:34 organizations[0].teams[1].name',
    ],
    [
      'member',
      'organizations:\n  - slug: acme\n    members:\n      - email: a@b.test\n      - email: A@b.test',
      '5:16 organizations[0].members[1].email',
    ],
    [
      'domain of two',
      'organizations:\n  - { slug: one, domains: [a.test] }\n  - { slug: two, domains: [A.test] }',
      '3:28 organizations[1].domains[0]',
    ],
    [
      'client, once as resource server',
      'resource_servers:\n  - { client_id: a, client_secret: long-enough }\nclients:\n  - { client_id: a, redirect_uris: [https://a.test/] }',
      '4:18 clients[0].client_id',
    ],
    [
      'resource',
      'resource_servers:\n  - { client_id: a, client_secret: long-enough, resource: "urn:a" }\n  - { client_id: b, client_secret: long-enough, resource: "urn:a" }',
      '3:59 resource_servers[1].resource',
    ],
    [
      'connection',
      'connections:\n  - { name: x, type: github, client_id: a, client_secret: b }\n  - { name: x, type: google, client_id: a, client_secret: b }',
      '3:13 connections[1].name',
    ],
  ])('%s', (_name, text, message) => {
    expect(refusal(text)).toEqual([expect.stringContaining(`gatehouse.yaml:${message}: the file has this`)])
  })
})

describe('secrets from the environment', () => {
  const text = `
resource_servers:
  - { client_id: api, client_secret_env: API_SECRET }
users:
  - { email: ada@acme.test, password_env: ADA_PASSWORD }
connections:
  - { name: github, type: github, client_id: a, client_secret_env: GITHUB_SECRET }
`
  test('are taken', () => {
    const setup = parseSetupFile(text, 'x.yaml', {
      API_SECRET: 'secret-of-api',
      ADA_PASSWORD: 'password-of-ada',
      GITHUB_SECRET: 'secret-of-github',
    })
    expect(setup.values.connections?.[0]?.client_secret).toBe('secret-of-github')
    expect(setup.values.resource_servers?.[0]?.client_secret).toBe('secret-of-api')
    expect(setup.values.users?.[0]?.password).toBe('password-of-ada')
  })

  test('are refused by name and line when they are missing or empty', () => {
    expect(refusal(text, { ADA_PASSWORD: '' })).toEqual([
      'gatehouse.yaml:3:42 resource_servers[0].client_secret_env: the environment variable API_SECRET is not set',
      'gatehouse.yaml:5:43 users[0].password_env: the environment variable ADA_PASSWORD is not set',
      'gatehouse.yaml:7:68 connections[0].client_secret_env: the environment variable GITHUB_SECRET is not set',
    ])
  })

  test('obey the same rules, and are not quoted', () => {
    expect(refusal(text, { API_SECRET: 'hunter2', ADA_PASSWORD: 'hunter2', GITHUB_SECRET: 'x' })).toEqual([
      expect.stringContaining(
        '3:42 resource_servers[0].client_secret_env: the environment variable API_SECRET must be at least 8',
      ),
      expect.stringContaining('5:43 users[0].password_env: the environment variable ADA_PASSWORD must be at least 8'),
    ])
    expect(refusal(text, { API_SECRET: 'hunter2', ADA_PASSWORD: 'hunter2', GITHUB_SECRET: 'x' }).join()).not.toContain(
      'hunter2',
    )
  })
})

describe('redirect URIs', () => {
  test.each([
    ['https://app.test/callback', 'web'],
    ['https://app.test:8443/callback?tenant=a', 'web'],
    ['http://localhost:8080/callback', 'web'],
    ['http://127.0.0.1/callback', 'native'],
    ['http://[::1]:1/callback', 'native'],
    ['com.example.app:/callback', 'native'],
    ['com.example.app://callback', 'native'],
    ['https://app.test/callback', 'native'],
  ])('%s is accepted for %s', (uri, type) => {
    expect(refusal(client(`redirect_uris: ["${uri}"]\napplication_type: ${type}`))).toEqual([])
  })

  test.each([
    ['http://app.test/callback', 'web'],
    ['http://localhost.app.test/callback', 'web'],
    ['https://*.app.test/callback', 'web'],
    ['https://app.test/*', 'web'],
    ['https://app.test/callback#fragment', 'web'],
    ['https://app.test/callback#', 'web'],
    ['https://user@app.test/callback', 'web'],
    ['https:app.test/callback', 'web'],
    ['https:///app.test/callback', 'web'],
    ['https://app.test\\\\@evil.test/', 'web'],
    ['https://app.test/ space', 'web'],
    ['https://äpp.test/', 'web'],
    ['//app.test/callback', 'web'],
    ['/callback', 'web'],
    ['javascript:alert(1)', 'web'],
    ['data:text/html,x', 'web'],
    ['vbscript:x', 'web'],
    ['file:///etc/passwd', 'web'],
    ['com.example.app:/callback', 'web'],
    ['javascript:alert(1)', 'native'],
    ['data:text/html,x', 'native'],
    ['myapp:/callback', 'native'],
    ['com.example.app:', 'native'],
    ['https://localhost/callback', 'native'],
    ['http://app.test/callback', 'native'],
  ])('%s is refused for %s', (uri, type) => {
    const text = client(`redirect_uris: ["${uri}"]\napplication_type: ${type}`)
    expect(refusal(text)).toEqual([expect.stringContaining('gatehouse.yaml:3:21 clients[0].redirect_uris[0]: must be')])
    const afterLogout = client(
      `redirect_uris: ["https://app.test/"]\npost_logout_redirect_uris: ["${uri}"]\napplication_type: ${type}`,
    )
    if (type === 'web') expect(refusal(afterLogout)).toEqual([expect.stringContaining('post_logout_redirect_uris[0]')])
  })

  test('back-channel logout is called over https, or on loopback', () => {
    const text = (uri: string) => client(`redirect_uris: ["https://app.test/"]\nbackchannel_logout_uri: "${uri}"`)
    expect(refusal(text('https://app.test/logout'))).toEqual([])
    expect(refusal(text('http://localhost:1/logout'))).toEqual([])
    for (const uri of ['http://app.test/logout', 'com.example.app:/logout', 'https://app.test/#x']) {
      expect(refusal(text(uri))).toEqual([expect.stringContaining('4:29 clients[0].backchannel_logout_uri: must be')])
    }
  })
})

describe('clients that could not work, or should not', () => {
  const redirect = 'redirect_uris: [https://app.test/]'
  const key = 'kty: OKP, crv: Ed25519, x: 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'
  test.each([
    ['no redirect URI', 'grant_types: [authorization_code]', 'redirect_uris: is required'],
    [
      'a secret that nothing asks for',
      `${redirect}\ntoken_endpoint_auth_method: none\nclient_secret: hunter2hunter2`,
      'token_endpoint_auth_method: none goes without',
    ],
    [
      'no secret',
      `${redirect}\ntoken_endpoint_auth_method: client_secret_post`,
      'token_endpoint_auth_method: client_secret_post needs',
    ],
    [
      'no key',
      `${redirect}\ntoken_endpoint_auth_method: private_key_jwt`,
      'token_endpoint_auth_method: private_key_jwt needs jwks',
    ],
    [
      'a private key',
      `${redirect}\ntoken_endpoint_auth_method: private_key_jwt\njwks: { keys: [{ ${key}, d: hunter2 }] }`,
      'jwks.keys[0]: must hold the public key alone',
    ],
    [
      'a shared key',
      `${redirect}\njwks: { keys: [{ kty: oct, k: hunter2 }] }`,
      'jwks.keys[0]: must be an RSA, EC or OKP key',
    ],
    [
      'a public service account',
      'grant_types: [client_credentials]\norganization: acme',
      'grant_types: client_credentials needs',
    ],
    [
      'a service account of nobody',
      'grant_types: [client_credentials]\nclient_secret: hunter2hunter2',
      'organization: is required',
    ],
    [
      'grants of a client that never acts itself',
      `${redirect}\npermissions: [items:read]`,
      'permissions: permissions and data_scopes are for',
    ],
    ['the implicit flow', `${redirect}\nresponse_types: [token]`, 'response_types[0]: must be one of code'],
    ['the password grant', `${redirect}\ngrant_types: [password]`, 'grant_types[0]: must be one of'],
    [
      'HMAC id tokens',
      `${redirect}\nid_token_signed_response_alg: HS256`,
      'id_token_signed_response_alg: must be one of ES256',
    ],
    [
      'no id tokens',
      `${redirect}\nid_token_signed_response_alg: none`,
      'id_token_signed_response_alg: must be one of ES256',
    ],
    ['a resource of a plain client', `${redirect}\nresource: https://api.test`, 'resource_server: resource and'],
    [
      'one URI twice',
      'redirect_uris: [https://app.test/, https://app.test/]',
      'redirect_uris: names one of them twice',
    ],
    ['a short secret', `${redirect}\nclient_secret: hunter2`, 'client_secret: must be at least 8'],
    [
      'keys of others',
      `${redirect}\nsector_identifier_uri: https://x.test`,
      'sector_identifier_uri: is not a known key',
    ],
  ])('%s', (_name, lines, message) => {
    expect(refusal(client(lines)).join('\n')).toContain(`clients[0].${message}`)
    expect(refusal(client(lines)).join()).not.toContain('hunter2')
  })

  test.each([
    ['a resource server without secret', '- client_id: api', 'client_secret: is required'],
    [
      'a fragment in its identifier',
      '- { client_id: api, client_secret: long-enough, resource: "https://api.test/#x" }',
      'resource: must be an absolute URI',
    ],
    [
      'a relative identifier',
      '- { client_id: api, client_secret: long-enough, resource: "/api" }',
      'resource: must be an absolute URI',
    ],
    [
      'JWTs for no resource',
      '- { client_id: api, client_secret: long-enough, access_token_format: jwt }',
      'resource: is required',
    ],
  ])('%s', (_name, line, message) => {
    expect(refusal(`resource_servers:\n  ${line}`)).toEqual([expect.stringContaining(`resource_servers[0].${message}`)])
  })

  test('a client with a private key, a device and a confidential application are accepted', () => {
    const text = `
resource_servers:
  - { client_id: api, token_endpoint_auth_method: private_key_jwt, jwks: { keys: [{ ${key} }] } }
clients:
  - client_id: device
    grant_types: ["urn:ietf:params:oauth:grant-type:device_code", refresh_token]
  - client_id: portal
    client_secret: long-enough
    redirect_uris: [https://portal.test/callback]
    scope: openid items:read
    contacts: [ops@portal.test]
    default_max_age: 3600
`
    expect(refusal(text)).toEqual([])
  })
})
