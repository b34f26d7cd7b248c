import type { WebSocket } from 'ws'
import { CloseCode } from '../close-codes.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import type { ResolvedMessageRate } from '../options.ts'
import type { AppConnection } from './accept.ts'

export interface RateLimit {
  /** Asked for each message as it arrives; false: the connection has just been closed for it. */
  admits (): boolean
  /** Asked for each message before it is handled: the ms it has to wait. Absent where nothing ever waits. */
  readonly delay: (() => number) | undefined
}

const UNLIMITED: RateLimit = { admits: () => true, delay: undefined }

/** Holds one connection to the rate of its messages. */
export function createRateLimit (rate: ResolvedMessageRate | false, connection: () => AppConnection): RateLimit {
  if (rate === false) return UNLIMITED
  const bucket = new TokenBucket(rate)
  if (rate.onExceed === 'pause') return { admits: () => true, delay: () => bucket.take() }
  return {
    delay: undefined,
    admits () {
      if (bucket.take() === 0) return true
      connection().end(CloseCode.TooManyMessages, 'message rate')
      return false
    }
  }
}

/** On an accepted socket the messages go to the application at once, so whoever sends too many waits afterwards. */
export function limitAccepted (socket: WebSocket, rate: ResolvedMessageRate | false, connection: AppConnection): void {
  if (rate === false) return
  const bucket = new TokenBucket(rate)
  let resumption: NodeJS.Timeout | undefined
  socket.once('close', () => clearTimeout(resumption))
  socket.on('message', () => {
    const wait = bucket.borrow()
    if (wait === 0) return
    if (rate.onExceed === 'close') return connection.end(CloseCode.TooManyMessages, 'message rate')
    clearTimeout(resumption)
    socket.pause()
    resumption = setTimeout(() => socket.resume(), wait)
  })
}
