import type { WebSocket } from 'ws'
import { CloseCode } from '../close-codes.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import type { ResolvedMessageRate } from '../resolve-options.ts'
import type { AppConnection } from './shared.ts'

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
