/** One thing that was looked at. */
export interface Finding {
  /** What was looked at: `database`, `clients`. */
  check: string
  /** Only what is wrong fails; a warning does where that is asked for. */
  level: 'ok' | 'warning' | 'wrong'
  message: string
  /** What to do about it. */
  advice?: string
}

/** Notes the findings of one check. */
export function findingsOf(check: string) {
  const findings: Finding[] = []
  return {
    findings,
    ok: (message: string) => void findings.push({ check, level: 'ok', message }),
    warn: (message: string, advice: string) => void findings.push({ check, level: 'warning', message, advice }),
    fail: (message: string, advice: string) => void findings.push({ check, level: 'wrong', message, advice }),
  }
}

/** What a failure says first: of a connection that was refused that is its code. */
export function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: unknown }
  if (cause instanceof Error) return reasonOf(cause)
  const { message, code } = error as { message?: string; code?: string }
  return message || code || String(error)
}
