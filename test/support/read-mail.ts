/** A mail as its reader sees it. */
export interface ReadMail {
  /** By lower-case name, decoded; one that occurs twice is joined by a line break. */
  headers: Record<string, string>
  text: string
  html: string
}

/** Reads what Gatehouse sends: text and HTML in multipart/alternative (RFC 2045 to 2047). @throws on any other shape */
export function readMail(raw: string): ReadMail {
  const message = readPart(raw)
  const boundary = /^multipart\/alternative;.*boundary="?([^";]+)"?/s.exec(message.headers['content-type'] ?? '')?.[1]
  if (!boundary) throw new Error(`not multipart/alternative: ${message.headers['content-type']}`)
  const parts = `\r\n${message.body}`
    .split(`\r\n--${boundary}`)
    .slice(1, -1)
    .map((part) => readPart(part.replace(/^\r\n/, '')))
  const content = (type: string) => {
    const found = parts.filter(({ headers }) => headers['content-type']?.startsWith(`${type}; charset=utf-8`))
    if (found.length !== 1) throw new Error(`${found.length} parts of ${type}`)
    return decodeBody(found[0]!)
  }
  return { headers: message.headers, text: content('text/plain'), html: content('text/html') }
}

interface Part {
  headers: Record<string, string>
  body: string
}

function readPart(raw: string): Part {
  const end = raw.indexOf('\r\n\r\n')
  const headers: Record<string, string> = {}
  for (const line of raw
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n')) {
    const [, name, value] = /^([!-9;-~]+):\s?(.*)$/.exec(line) ?? []
    if (name === undefined || value === undefined) throw new Error(`no header: ${JSON.stringify(line)}`)
    const key = name.toLowerCase()
    headers[key] = key in headers ? `${headers[key]}\n${decodeWords(value)}` : decodeWords(value)
  }
  return { headers, body: raw.slice(end + 4) }
}

function decodeBody({ headers, body }: Part): string {
  const encoding = headers['content-transfer-encoding']?.toLowerCase()
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString('utf8')
  if (encoding === 'quoted-printable') return decodeQuoted(body.replace(/=\r\n/g, ''))
  return body
}

function decodeWords(value: string): string {
  return value
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?utf-8\?([qb])\?([^?]*)\?=/gi, (_, encoding: string, text: string) =>
      encoding.toLowerCase() === 'b' ? Buffer.from(text, 'base64').toString() : decodeQuoted(text.replaceAll('_', ' ')),
    )
}

function decodeQuoted(text: string): string {
  const bytes = text.replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
