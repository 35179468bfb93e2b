import { emailAddress } from '#foundation/values/email-address.ts'
import { examine } from '#surfaces/doctor/examine.ts'
import type { Finding } from '#surfaces/doctor/finding.ts'
import { command, flag, option } from './command.ts'

const signs = { ok: '✓', warning: '!', wrong: '✗' } as const

export const doctor = command({
  name: 'doctor',
  summary: 'look at everything that a deployment needs, and say what to do about what is wrong',
  about: [
    'Configuration, both stores, mail (connected to, nothing sent), the clock, the issuer as clients reach it, proxy',
    'headers, signing keys and weak clients. Nothing is changed. Exit status 1 when something is wrong; with --strict',
    'a warning is enough.',
  ].join('\n'),
  takes: {
    mailTo: option('email', 'send a mail there, too', emailAddress.optional()),
    strict: flag('warnings fail as well'),
  },
  examples: ['doctor', 'doctor --strict --json', 'doctor --mail-to ops@example.com'],
  async run({ mailTo, strict }, { environment }) {
    const findings = await examine(environment, { mailTo })
    const count = (level: Finding['level']) => findings.filter((finding) => finding.level === level).length
    const [wrong, warnings] = [count('wrong'), count('warning')]
    return {
      lines: [...findings.flatMap(describe), `${wrong} wrong, ${warnings} warnings`],
      json: { wrong, warnings, findings },
      refused: wrong > 0 || (strict && warnings > 0),
    }
  },
})

function describe({ check, level, message, advice }: Finding): string[] {
  return [`${signs[level]} ${check}: ${message}`, ...(advice ? [`    → ${advice}`] : [])]
}
