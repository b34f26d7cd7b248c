import { hasPermission, type Principal } from '../core/principal.ts'
import type { ChannelAction, ResolvedAuth } from '../options.ts'

export type Authorize = (principal: Principal, action: ChannelAction, channel: string) => boolean | Promise<boolean>

/** Whether a principal may do something to a channel: the user's `authorize` if there is one, else its permissions. */
export function createAuthorize (auth: ResolvedAuth): Authorize {
  if (auth.authorize !== undefined) {
    const authorize = auth.authorize
    return (principal, action, channel) => authorize(principal, action, channel, {})
  }
  return (principal, action, channel) => hasPermission(principal, `${action}:${channel}`)
}
