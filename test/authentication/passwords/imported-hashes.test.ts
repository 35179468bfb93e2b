import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isPasswordHash } from '#authentication/passwords/hash-forms.ts'
import { importHash } from '#authentication/passwords/imported-hash.ts'
import { authenticate } from '#support/api-requests.ts'
import { type Gatehouse, startGatehouse } from '#support/gatehouse.ts'

const password = 'correct horse battery staple'

/** The example that github.com/firebase/scrypt publishes. */
const firebase = {
  signerKey: 'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==',
  saltSeparator: 'Bw==',
  rounds: 8,
  memCost: 14,
}
const firebaseHash =
  '$firebase-scrypt$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=='

/** Made by Python's hashlib, libxcrypt (Perl's crypt) and OpenSSL's argon2: none of them is what verifies here. */
const hashes: Record<string, string> = {
  'argon2id as PHC string':
    '$argon2id$v=19$m=7168,t=5,p=1$MDEyMzQ1Njc4OWFiY2RlZg$iFYFbd6+YgSpBS95zKSeCiqMI6RfgwXfibpMk5AbxQY',
  'argon2i as PHC string':
    '$argon2i$v=19$m=1024,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$vtPRhkTK7LiStk3lLH1T1IG7vML5FB2VHvER7o0FbEI',
  'argon2 of Django':
    'argon2$argon2id$v=19$m=7168,t=5,p=1$MDEyMzQ1Njc4OWFiY2RlZg$iFYFbd6+YgSpBS95zKSeCiqMI6RfgwXfibpMk5AbxQY',
  'argon2 of Keycloak': JSON.stringify({
    type: 'password',
    secretData: JSON.stringify({
      value: 'iFYFbd6+YgSpBS95zKSeCiqMI6RfgwXfibpMk5AbxQY=',
      salt: 'MDEyMzQ1Njc4OWFiY2RlZg==',
      additionalParameters: {},
    }),
    credentialData: JSON.stringify({
      hashIterations: 5,
      algorithm: 'argon2',
      additionalParameters: {
        hashLength: ['32'],
        memory: ['7168'],
        type: ['id'],
        version: ['1.3'],
        parallelism: ['1'],
      },
    }),
  }),
  'bcrypt 2b, as Auth0 exports it': '$2b$04$N9qo8uLOickgx2ZMRZoMyeNK8zsWBMaMSVoubqovVQN3ypdVzHwOW',
  'bcrypt 2y, as PHP writes it': '$2y$05$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS',
  'bcrypt of Django': 'bcrypt$$2b$04$N9qo8uLOickgx2ZMRZoMyeNK8zsWBMaMSVoubqovVQN3ypdVzHwOW',
  'PBKDF2 with SHA-1 as PHC string': '$pbkdf2-sha1$i=1000$MDEyMzQ1Njc4OWFiY2RlZg$wmIXv0mv7iouqkc9CKjRvCX21po',
  'PBKDF2 with SHA-256 as PHC string':
    '$pbkdf2-sha256$i=1000$MDEyMzQ1Njc4OWFiY2RlZg$yqSq2SygY1sB4EcH9f2FG0JTMES+wqLsOT5YmiRBplI',
  'PBKDF2 with SHA-512 as PHC string, padded':
    '$pbkdf2-sha512$i=1000$MDEyMzQ1Njc4OWFiY2RlZg==$5bTW2oeyDJyGJPcmEr+mRDE11ghpozWrDGnSNhRXo2ZCu0KHRDiUMAVEGzLJC+oDhRoeIja9J1iLIv9ptDJMfQ==',
  'PBKDF2 of Passlib':
    '$pbkdf2-sha512$1000$MDEyMzQ1Njc4OWFiY2RlZg$5bTW2oeyDJyGJPcmEr.mRDE11ghpozWrDGnSNhRXo2ZCu0KHRDiUMAVEGzLJC.oDhRoeIja9J1iLIv9ptDJMfQ',
  'PBKDF2 of Django': 'pbkdf2_sha256$1000$seasalt2salt$9kXadLbghxXXG4WXV4cBOdl/UltFnSzcoVzOwxixcIQ=',
  'PBKDF2 of Keycloak': JSON.stringify({
    secretData: JSON.stringify({
      value: 'PCHlVmzB6xPludinHkIbZ1gxJMEamsN0GV4vofTb6LnsZ0AKBgZP10V8dGHupVmr+KOTeOXHUJtB6XBOKTIHVw==',
      salt: 'MDEyMzQ1Njc4OWFiY2RlZg==',
    }),
    credentialData: JSON.stringify({ hashIterations: 2750, algorithm: 'pbkdf2-sha256' }),
  }),
  'scrypt as PHC string': '$scrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$7AnzIswxwEinpwz+ntydndYfVHPvOACmX9Vvo8hO1qM',
  'scrypt of Django':
    'scrypt$1024$seasalt$8$1$QMBRDuNq7pljC9V+clmpGo+/U//V5nQlsLBnaDD9vK5WG80UWev7M6KyTAM0hUJc1RssTgKy001SIjbeho4/iQ==',
  'scrypt of Firebase': firebaseHash,
}

const people = Object.entries(hashes).map(([name, written], index) => {
  return { name, written, email: `person-${index}@acme.test` }
})

let gatehouse: Gatehouse
beforeAll(async () => {
  const users = people.map(({ email, written }) => ({ email, password_hash: kept(written) }))
  const members = people.map(({ email }) => ({ email }))
  gatehouse = await startGatehouse({ setup: JSON.stringify({ users, organizations: [{ slug: 'acme', members }] }) })
})
afterAll(() => gatehouse.stop())

describe('a person who comes with a hash from elsewhere signs in with the password that they had', () => {
  test.each(people)('$name', async ({ name, written, email }) => {
    const right = name === 'scrypt of Firebase' ? 'user1password' : password
    const signIn = (password: string) => authenticate(gatehouse, { email, password })
    expect(await signIn('not that one')).toMatchObject({ status: 401 })
    expect(await hashOf(email)).toBe(kept(written))
    expect(await signIn(right)).toMatchObject({ status: 200 })

    // From then on it is ours, and the same password.
    expect(await hashOf(email)).toMatch(/^\$argon2id\$v=19\$m=19456,[pt,=\d]*\$/)
    expect(await signIn(right)).toMatchObject({ status: 200 })
    expect(await signIn('not that one')).toMatchObject({ status: 401 })
  })

  test('and nothing of Firebase’s signer key is kept', () => {
    const { passwordHash } = importHash(firebaseHash, { firebase }) as { passwordHash: string }
    expect(passwordHash).toMatch(/^\$firebase-scrypt\$ln=14,r=8,p=1\$42xEC\+ixf3L2lwc\$[^$]{86}$/)
    expect(passwordHash).not.toContain(firebase.signerKey.slice(0, 40))
    expect(passwordHash).not.toContain(firebaseHash.split('$')[3]!.slice(0, 40))
  })
})

describe('what a sign-in could not bear, or nobody knows, is no hash', () => {
  const b64 = (bytes: number) => 'A'.repeat(Math.ceil((bytes * 4) / 3))
  test.each([
    ['argon2 of more memory', `$argon2id$v=19$m=262145,t=1,p=1$${b64(16)}$${b64(32)}`],
    ['argon2 of more passes', `$argon2id$v=19$m=65536,t=17,p=1$${b64(16)}$${b64(32)}`],
    ['argon2 of more lanes', `$argon2id$v=19$m=65536,t=2,p=17$${b64(16)}$${b64(32)}`],
    ['argon2 of no pass', `$argon2id$v=19$m=65536,t=0,p=1$${b64(16)}$${b64(32)}`],
    ['argon2d', `$argon2d$v=19$m=65536,t=2,p=1$${b64(16)}$${b64(32)}`],
    ['bcrypt of more rounds', `$2b$15$${b64(39).slice(0, 53)}A`],
    ['bcrypt cut short', '$2b$10$N9qo8uLOickgx2ZMRZoMyeNK8zsWBMaMSVoubqovVQN3ypdVzHwO'],
    ['PBKDF2 of more iterations', `$pbkdf2-sha256$i=2500001$${b64(16)}$${b64(32)}`],
    ['PBKDF2 of more blocks', `$pbkdf2-sha1$i=1000000$${b64(16)}$${b64(60)}`],
    ['PBKDF2 that is hardly a hash', `$pbkdf2-sha256$i=1000$${b64(16)}$${b64(8)}`],
    ['PBKDF2 with MD5', `$pbkdf2-md5$i=1000$${b64(16)}$${b64(16)}`],
    ['scrypt of more memory', `$scrypt$ln=18,r=8,p=1$${b64(16)}$${b64(32)}`],
    ['scrypt of more work', `$scrypt$ln=17,r=8,p=3$${b64(16)}$${b64(32)}`],
    ['Firebase scrypt of more memory', `$firebase-scrypt$ln=18,r=8,p=1$${b64(16)}$${b64(64)}`],
    ['a form of that name only', '$__proto__$x$y$z'],
    ['MD5', '5f4dcc3b5aa765d61d8327deb882cf99'],
    ['a password', 'hunter2hunter2'],
    ['nothing', ''],
  ])('%s', (_, written) => {
    expect(isPasswordHash(written)).toBe(false)
    expect(importHash(written, { firebase })).toEqual({ problem: expect.stringMatching(/^is no argon2, bcrypt, /) })
  })

  test.each([
    ['Keycloak without a known algorithm', { secretData: '{}', credentialData: '{"algorithm":"md5"}' }],
    ['Keycloak with nonsense inside', { secretData: 'nonsense', credentialData: '[]' }],
    ['Keycloak with nothing inside', {}],
  ])('%s', (_, credential) => {
    expect(importHash(JSON.stringify(credential), {})).toHaveProperty('problem')
  })

  test('a Firebase hash without the key of its project, or with that of another', () => {
    expect(importHash(firebaseHash, {})).toEqual({ problem: expect.stringContaining('FIREBASE_SIGNER_KEY') })
    expect(importHash(firebaseHash, { firebase: { ...firebase, signerKey: 'c2hvcnQ=' } })).toHaveProperty('problem')
  })
})

function kept(written: string): string {
  const imported = importHash(written, { firebase })
  if ('problem' in imported) throw new Error(imported.problem)
  return imported.passwordHash
}

async function hashOf(email: string): Promise<string | null> {
  const users = gatehouse.database.db.selectFrom('users').select('passwordHash').where('email', '=', email)
  return (await users.executeTakeFirstOrThrow()).passwordHash
}
