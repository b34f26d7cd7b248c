import { hasPermission, type Principal } from '../core/principal.ts'
import type { ChannelAction, ResolvedAuth } from '../options.ts'

/** @param whole a permission that covers every action on this channel, if it has one */
export type Authorize = (principal: Principal, action: ChannelAction, channel: string, whole?: string) => boolean | Promise<boolean>

/** Whether a principal may do something to a channel: the user's `authorize` if there is one, else its permissions. */
export function createAuthorize ({ authorize }: ResolvedAuth): Authorize {
  if (authorize !== undefined) {
    return (principal, action, channel) => {
      const answer = authorize(principal, action, channel, {})
      return typeof answer === 'object' ? Promise.resolve(answer).then(Boolean) : Boolean(answer)
    }
  }
  return (principal, action, channel, whole) =>
    hasPermission(principal, `${action}:${channel}`) || (whole !== undefined && hasPermission(principal, whole))
}
