/**
 * How a peer wraps a message.
 * @typedef {object} Protocol
 * @property {string} [path] instead of the workload's
 * @property {number} idOffset where the id of a message begins
 * @property {(route: string, message: string) => string} wrap
 * @property {(bytes: Buffer, from: number, length: number) => boolean} isMessage or something of the protocol's own
 * @property {(bytes: Buffer, from: number, length: number) => string | undefined} [answer] what to say to the latter
 * @property {(bytes: Buffer, from: number, length: number) => boolean} [isReady] whether the connection can now be used
 * @property {(channel: string | undefined) => string} [hello] what to say after the upgrade
 */

/** The last command that is sent, and the only one whose reply is looked for. */
const LAST = 9

/** Centrifuge clients. A message is `{"push":{…"pub":{"data":"…"}}}`. */
function channelProtocol (envelope, subscription = {}) {
  return {
    idOffset: envelope.length,
    isMessage: (bytes, from, length) => length > 2 && bytes[from + 2] === 112, // "push"
    hello (channel) {
      if (channel === undefined) return JSON.stringify({ id: LAST, connect: {} })
      return `${JSON.stringify({ id: 1, connect: {} })}\n${JSON.stringify({ id: LAST, subscribe: { channel, ...subscription } })}`
    },
    isReady: (bytes, from, length) => length > 6 && bytes[from + 6] === 48 + LAST, // {"id":9
    answer: (_bytes, _from, length) => length === 2 ? '{}' : undefined
  }
}

/** @type {Record<string, Protocol>} */
export const protocols = {
  plain: {
    idOffset: 0,
    wrap: (_route, message) => message,
    isMessage: () => true
  },

  channels: channelProtocol('{"push":{"channel":"bench","pub":{"data":"'),

  'numbered channels': channelProtocol('{"push":{"id":1,"pub":{"data":"', { flag: 1 }),

  /** Engine.IO version 4 with the packets of Socket.IO version 5, as text frames. */
  'socket.io': {
    path: '/socket.io/?EIO=4&transport=websocket',
    idOffset: '42["m","'.length,
    wrap: (route, message) => `42["${route}","${message}"]`,
    isMessage: (bytes, from, length) => length > 1 && bytes[from] === 52 && bytes[from + 1] === 50,
    answer (bytes, from) {
      if (bytes[from] === 48) return '40' // opened: connect
      if (bytes[from] === 50) return '3' // ping: pong
      return undefined
    },
    isReady: (bytes, from, length) => length > 1 && bytes[from] === 52 && bytes[from + 1] === 48
  }
}
