/**
 * The value of a `text[]` parameter. pg looks at every character of an array that it is given; JSON is an array's own
 * spelling but for its braces, and for what JSON escapes beside quotes and backslashes.
 */
export function textArray(values: readonly (string | null | undefined)[]): string {
  const json = JSON.stringify(values)
  return `{${json.includes('\\') ? values.map(quoted).join(',') : json.slice(1, -1)}}`
}

function quoted(value: string | null | undefined): string {
  return value == null ? 'null' : `"${value.replace(/["\\]/g, '\\$&')}"`
}
