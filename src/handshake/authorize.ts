import { hasPermission, type Principal } from '../core/principal.ts'
import type { ChannelAction, Grant } from '../options.ts'
import type { ResolvedAuth } from '../resolve-options.ts'

export interface AuthorizeContext {
  /** A permission that covers every action on this channel, if it has one. */
  readonly whole?: string | undefined
  /** A subscription token. */
  readonly token?: string | undefined
}

export type Authorize = (principal: Principal, action: ChannelAction, channel: string, context?: AuthorizeContext) => boolean | Grant | Promise<boolean | Grant>

/** Whether a principal may do something to a channel: the user's `authorize` if there is one, else its permissions. */
export function createAuthorize ({ authorize }: ResolvedAuth): Authorize {
  if (authorize !== undefined) {
    return (principal, action, channel, { token } = {}) => {
      const answer = authorize(principal, action, channel, token === undefined ? {} : { token })
      return isPromise(answer) ? Promise.resolve(answer).then(verdict) : verdict(answer)
    }
  }
  return (principal, action, channel, { whole } = {}) =>
    hasPermission(principal, `${action}:${channel}`) || (whole !== undefined && hasPermission(principal, whole))
}

/** Whatever an application written in JavaScript answers. */
function verdict (answer: boolean | Grant): boolean | Grant {
  return typeof answer === 'object' && answer !== null ? answer : Boolean(answer)
}

function isPromise (answer: boolean | Grant | Promise<boolean | Grant>): answer is Promise<boolean | Grant> {
  return typeof (answer as { then?: unknown } | null | undefined)?.then === 'function'
}
