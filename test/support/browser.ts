/** A form as a page shows it. */
interface Form {
  action: string
  method: string
  fields: Record<string, string>
}

export interface Page {
  url: string
  status: number
  headers: Headers
  html: string
}

const mostRedirects = 20

/**
 * A browser without pictures: keeps cookies by path, follows redirects, fills in forms. It stops at the addresses that
 * `leaves` names, as a browser would hand them to another site.
 */
export class Browser {
  readonly #cookies = new Map<string, { value: string; path: string }>()
  readonly #leaves: (url: URL) => boolean
  /** Sent with every request, such as `user-agent`. */
  headers: Record<string, string> = {}
  page: Page = { url: '', status: 0, headers: new Headers(), html: '' }

  constructor(leaves: (url: URL) => boolean = () => false) {
    this.#leaves = leaves
  }

  get(url: string | URL): Promise<Page> {
    return this.#request(new URL(url), { method: 'GET' })
  }

  /** Submits the page's first form, or the one whose action ends with `action`, with these fields filled in. */
  submit(fields: Record<string, string> = {}, action?: string): Promise<Page> {
    const form = this.#forms().find((candidate) => !action || candidate.action.endsWith(action))
    if (!form) throw new Error(`no form ${action ?? ''} on ${this.page.url}: ${this.page.html.slice(0, 2000)}`)
    const url = new URL(form.action, this.page.url)
    return this.#request(url, { method: 'POST', body: new URLSearchParams({ ...form.fields, ...fields }) })
  }

  /** Posts what no form offers. */
  post(url: string | URL, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Page> {
    return this.#request(new URL(url), { method: 'POST', body: new URLSearchParams(fields), headers })
  }

  hidden(name: string): string | undefined {
    return this.#forms().find((form) => name in form.fields)?.fields[name]
  }

  cookie(name: string): string | undefined {
    return this.#cookies.get(name)?.value
  }

  /** What this browser sends with a request for `path`, for a request of the test's own. */
  cookiesFor(path: string): string {
    return this.#cookieHeader({ pathname: path })
  }

  cookieNames(): string[] {
    return [...this.#cookies.keys()]
  }

  setCookie(name: string, value: string): void {
    this.#cookies.set(name, { value, path: '/' })
  }

  async #request(url: URL, init: RequestInit): Promise<Page> {
    let target = url
    let request = init
    for (let redirects = 0; redirects < mostRedirects; redirects++) {
      if (this.#leaves(target)) {
        this.page = { url: target.href, status: 0, headers: new Headers(), html: '' }
        return this.page
      }
      const response = await fetch(target, {
        ...request,
        redirect: 'manual',
        headers: { accept: 'text/html', cookie: this.#cookieHeader(target), ...this.headers, ...request.headers },
      })
      this.#keepCookies(response)
      const location = response.headers.get('location')
      if (!location) {
        this.page = {
          url: target.href,
          status: response.status,
          headers: response.headers,
          html: await response.text(),
        }
        return this.page
      }
      if (request.method === 'POST' && response.status !== 303) throw new Error(`${response.status} after a POST`)
      target = new URL(location, target)
      request = { method: 'GET' }
    }
    throw new Error(`too many redirects at ${target}`)
  }

  #cookieHeader({ pathname }: Pick<URL, 'pathname'>): string {
    return [...this.#cookies]
      .filter(([, { path }]) => pathname.startsWith(path))
      .map(([name, { value }]) => `${name}=${value}`)
      .join('; ')
  }

  #keepCookies(response: Response): void {
    for (const header of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = header.split(/; */)
      const name = pair.slice(0, pair.indexOf('='))
      const value = pair.slice(pair.indexOf('=') + 1)
      const path = /path=([^;]*)/i.exec(attributes.join(';'))?.[1] ?? '/'
      const ended = /expires=thu, 01 jan 1970/i.test(attributes.join(';')) || value === ''
      if (ended) this.#cookies.delete(name)
      else this.#cookies.set(name, { value, path })
    }
  }

  #forms(): Form[] {
    return [...this.page.html.matchAll(/<form([^>]*)>([\s\S]*?)<\/form>/g)].map(
      ([, attributes = '', content = '']) => ({
        action: attribute(attributes, 'action') ?? this.page.url,
        method: attribute(attributes, 'method') ?? 'get',
        fields: Object.fromEntries(fieldsIn(content)),
      }),
    )
  }
}

/** What a form sends unless somebody changes it: of boxes and radio buttons the ticked ones, of a list the chosen entry. */
function fieldsIn(form: string): [name: string, value: string][] {
  const inputs = [...form.matchAll(/<input([^>]*)>/g)]
    .map(([, input = '']) => input)
    .filter((input) => !/type="(?:checkbox|radio)"/.test(input) || /\bchecked\b/.test(input))
    .map((input): [string, string] => [attribute(input, 'name') ?? '', attribute(input, 'value') ?? ''])
  const lists = [...form.matchAll(/<select([^>]*)>([\s\S]*?)<\/select>/g)].map(
    ([, list = '', options = '']): [string, string] => {
      const entries = [...options.matchAll(/<option([^>]*)>/g)].map(([, option = '']) => option)
      const chosen = entries.find((option) => /\bselected\b/.test(option)) ?? entries[0] ?? ''
      return [attribute(list, 'name') ?? '', attribute(chosen, 'value') ?? '']
    },
  )
  return [...inputs, ...lists].filter(([name]) => name)
}

function attribute(text: string, name: string): string | undefined {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(text)?.[1]
  return value
    ?.replaceAll('&#34;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}
