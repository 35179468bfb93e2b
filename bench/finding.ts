/** One line of the table: what was measured, beside what it was to be. */
export interface Finding {
  what: string
  measured: string
  /** Undefined where it is told for comparison only. */
  goal?: string
  reached?: boolean
}

/** A part of `npm run bench`: what it measures belongs together. */
export interface Row {
  /** What `--only` looks for. */
  name: string
  measure(): Promise<Finding[]>
}

interface Amount {
  unit: string
  digits?: number
  /** Said behind the number. */
  note?: string
}

export function atLeast(what: string, goal: number, value: number, amount: Amount): Finding {
  return finding(what, value, amount, `≥ ${goal} ${amount.unit}`, value >= goal)
}

export function atMost(what: string, goal: number, value: number, amount: Amount): Finding {
  return finding(what, value, amount, `≤ ${goal} ${amount.unit}`, value <= goal)
}

/** For comparison. */
export function told(what: string, value: number, amount: Amount): Finding {
  return finding(what, value, amount)
}

function finding(
  what: string,
  value: number,
  { unit, digits = 2, note }: Amount,
  goal?: string,
  reached?: boolean,
): Finding {
  const measured = [value.toFixed(digits), unit, note].filter(Boolean).join(' ')
  return { what, measured, goal: goal?.trim(), reached }
}
