import type { IncomingMessage } from 'node:http'
import type { WebSocketServer } from 'ws'

/**
 * Finds out who understands messages that are compressed once for all. It reads the answer to the handshake: the extension
 * must be in it, without context takeover (or the bytes would depend on what was sent before) and with a window of the
 * usual size. Whoever negotiated something else gets plain messages, which the extension always allows.
 */
export function watchCompression (server: WebSocketServer): (request: IncomingMessage) => boolean {
  const inflating = new WeakSet<IncomingMessage>()
  server.on('headers', (headers, request) => {
    const answer = headers.find(line => line.startsWith('Sec-WebSocket-Extensions: permessage-deflate'))
    if (answer?.includes('server_no_context_takeover') && !answer.includes('server_max_window_bits')) inflating.add(request)
  })
  return request => inflating.has(request)
}
