import ejs from 'ejs'
import { GatehouseError } from '#foundation/errors.ts'
import type { Route } from '#foundation/http/router.ts'
import type { Render } from '#surfaces/page-kit/render.ts'
import type { OpenApiDocument } from './openapi.ts'
import { referenceOf } from './reference.ts'

const fiveMinutes = 300

/** `/docs`: the document of `/openapi.json` to read, a page for each group of operations. */
export function docsPages({ document, render }: { document: OpenApiDocument; render: Render }): Route[] {
  const groups = referenceOf(document)
  const everyPage = { groups, server: document.servers[0]?.url, prose }
  return [
    [
      'GET',
      '/docs',
      (ctx) => {
        const { description } = document.info
        const paragraphs = description.split('\n\n')
        const about = {
          contents: {},
          paragraphs,
          codes: codesOf(document),
          schemes: document.components.securitySchemes,
        }
        return render(
          ctx,
          'api-docs/overview',
          { ...everyPage, ...about },
          { language: 'en', sharedSeconds: fiveMinutes },
        )
      },
    ],
    [
      'GET',
      '/docs/:group',
      (ctx) => {
        const group = groups.find(({ slug }) => slug === ctx.params.group)
        if (!group) throw new GatehouseError('not_found', 'There is no such page.')
        const contents = { current: group.slug }
        return render(
          ctx,
          'api-docs/group',
          { ...everyPage, contents, group },
          { language: 'en', sharedSeconds: fiveMinutes },
        )
      },
    ],
  ]
}

/** What stands between backticks is code. @returns HTML */
function prose(text: string): string {
  return ejs.escapeXML(text).replace(/`([^`]*)`/g, '<code>$1</code>')
}

/** Every stable code, and the status that it comes with. */
function codesOf({ components }: OpenApiDocument): { code: string; status: number; title: string }[] {
  const codes = new Map<string, { code: string; status: number; title: string }>()
  for (const response of Object.values(components.responses ?? {})) {
    const [media] = Object.values((response.content ?? {}) as Record<string, Media>)
    const examples = Object.values(media?.examples ?? {}).map(({ value }) => value)
    for (const { code, status, title } of media?.example?.code ? [...examples, media.example] : examples) {
      codes.set(code, { code, status, title })
    }
  }
  return [...codes.values()].sort((one, other) => one.status - other.status || one.code.localeCompare(other.code))
}

interface Problem {
  code: string
  status: number
  title: string
}

interface Media {
  example?: Problem
  examples?: Record<string, { value: Problem }>
}
