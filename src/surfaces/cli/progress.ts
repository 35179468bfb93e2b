import type { Terminal } from './terminal.ts'

/** A line at a terminal that says how far something is; nothing of it where stderr is none. */
export interface Progress {
  /** @param done of the total, in its unit */
  show(done: number, note: string): void
  /** A line that stays, above it. */
  tell(line: string): void
  end(): void
}

const width = 30
const clear = '\r\u001b[K'

/** @param total undefined: not known, so there is no bar but only the note */
export function startProgress({ stderr }: Pick<Terminal, 'stderr'>, total: number | undefined): Progress {
  const isShown = stderr.isTTY === true
  let line = ''
  const draw = (text: string) => {
    line = text
    if (isShown) stderr.write(`${clear}${text}`)
  }
  return {
    show(done, note) {
      draw(total ? `${barOf(Math.min(1, done / total))}  ${note}` : note)
    },
    tell(text) {
      const kept = line
      draw('')
      stderr.write(`${text}\n`)
      draw(kept)
    },
    end: () => draw(''),
  }
}

function barOf(share: number): string {
  const filled = Math.round(share * width)
  return `[${'#'.repeat(filled)}${' '.repeat(width - filled)}] ${Math.floor(share * 100)} %`
}
