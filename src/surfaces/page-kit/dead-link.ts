import type Koa from 'koa'
import type { Render } from './render.ts'

/** For a link that was used, has expired or was never made: which, is not told. @param back where to get a new one */
export function showDeadLink(
  render: Render,
  ctx: Koa.Context,
  back?: { label: string; href: string },
  hint?: string,
): Promise<void> {
  const message = `That link has been used or has expired.${back ? ' Ask for a new one.' : ''}`
  return render(ctx, 'page-kit/error', { title: 'This link no longer works', message, hint, back }, { status: 410 })
}
