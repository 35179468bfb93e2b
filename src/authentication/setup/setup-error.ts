/** Where an entry stands: `['organizations', 0, 'teams', 1]`. */
export type Path = readonly PropertyKey[]

/** One thing that is wrong, or worth knowing, and where it is written. Never holds a value from the file. */
export interface SetupProblem {
  file: string
  /** Counted from 1, as is `column`. */
  line: number
  column: number
  /** Dotted, as in `organizations[0].teams[1].name`; empty for the whole file. */
  path: string
  message: string
}

/** The file cannot be applied, and nothing of it was. `message` has one line for each problem. */
export class SetupError extends Error {
  readonly problems: readonly SetupProblem[]

  constructor(problems: readonly SetupProblem[]) {
    const inOrder = problems.toSorted((one, other) => one.line - other.line || one.column - other.column)
    super(inOrder.map(describeProblem).join('\n'))
    this.name = 'SetupError'
    this.problems = inOrder
  }
}

/** `gatehouse.yaml:12:5 organizations[0].teams[1].name: is required` */
export function describeProblem({ file, line, column, path, message }: SetupProblem): string {
  return `${file}:${line}:${column} ${path && `${path}: `}${message}`
}
