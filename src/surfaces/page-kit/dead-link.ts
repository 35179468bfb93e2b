import type Koa from 'koa'
import { message, type Text } from '#foundation/messages/message.ts'
import type { Render } from './render.ts'

/** For a link that was used, has expired or was never made: which, is not told. @param back where to get a new one */
export function showDeadLink(
  render: Render,
  ctx: Koa.Context,
  back?: { label: Text; href: string },
  hint?: Text,
): Promise<void> {
  const locals = {
    title: message('page-kit.dead_link.title'),
    message: message(back ? 'page-kit.dead_link.lead_again' : 'page-kit.dead_link.lead'),
    hint,
    back,
  }
  return render(ctx, 'page-kit/error', locals, { status: 410 })
}
