import type { WebSocket } from 'ws'
import type { AppConnection } from './shared.ts'

type SendCallback = (error?: Error) => void
interface SendOptions { readonly fin?: boolean }

/**
 * Lets the application go on using `socket.send` beside the connection's own: in the order of the calls, and never with a
 * frame of ours between the fragments of one of its messages. Its messages are not compressed, since `ws` does that later.
 */
export function keepOrder (socket: WebSocket, { outlet }: AppConnection): void {
  const { send } = socket
  socket.send = ((data: Parameters<WebSocket['send']>[0], options: SendOptions | SendCallback = {}, callback?: SendCallback) => {
    const settings = typeof options === 'function' ? {} : options
    if (settings.fin === false) outlet.hold()
    else outlet.flush()
    send.call(socket, data, { ...settings, compress: false }, typeof options === 'function' ? options : callback)
    if (settings.fin !== false) outlet.release()
  }) as WebSocket['send']
}
