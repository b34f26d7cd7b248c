import { createHash, randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { decodeId, weigh } from '../lib/ids.js'
import { BINARY, CLOSE, FrameReader, maskedFrame, PING, PONG, RSV1, TEXT } from './frames.js'

/** All sockets read into the same memory, which is looked at before the next one reads. */
const readBuffer = Buffer.allocUnsafe(1_048_576)

const EMPTY_PONG = maskedFrame(PONG, '')

/**
 * @typedef {object} ClientOptions
 * @property {number} port
 * @property {string} path
 * @property {string} token
 * @property {import('./protocols.js').Protocol} protocol
 * @property {boolean} isDeflated every message must arrive compressed
 * @property {string} [channel] subscribed to from the beginning, by channel clients
 * @property {boolean} isSample keep compressed messages, to look at them later
 */

/** One connection, on a plain TCP socket: a WebSocket client for each receiver would cost more than the server. */
export class Client {
  messages = 0
  /** Payload bytes of these messages. */
  bytes = 0
  /** Weights of their ids, which say whether one was lost or doubled. */
  sum = 0
  pings = 0
  isClosed = false
  /** All compressed payloads, where this client is in the sample. */
  kept = []
  /** Called for each message with its id. */
  onMessage = () => {}
  /** Called when all messages of one read have been seen. */
  onRead = () => {}

  #options
  #socket
  #reader = new FrameReader((first, bytes, from, length) => this.#onFrame(first, bytes, from, length))
  #handshake = ''
  #isUpgraded = false
  #onReady
  #onReply = () => {}
  #onFailure

  /** @param {ClientOptions} options */
  constructor (options) {
    this.#options = options
  }

  get isSample () {
    return this.#options.isSample
  }

  /** Resolves when messages can be sent. */
  connect () {
    const { port, path, token, isDeflated } = this.#options
    const key = randomBytes(16).toString('base64')
    const lines = [
      `GET ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, 'Connection: Upgrade', 'Upgrade: websocket',
      'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${key}`, `Authorization: Bearer ${token}`
    ]
    if (isDeflated) lines.push('Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits')
    this.accept = createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64')
    return new Promise((resolve, reject) => {
      this.#onReady = resolve
      this.#onFailure = reject
      this.#socket = connect({
        port,
        host: '127.0.0.1',
        noDelay: true,
        onread: {
          buffer: readBuffer,
          callback: (length, buffer) => {
            this.#onBytes(buffer.subarray(0, length))
            return true
          }
        }
      })
      this.#socket.on('error', error => this.#end(error))
      this.#socket.on('close', () => this.#end(new Error('The server has closed a connection')))
      this.#socket.write(lines.join('\r\n') + '\r\n\r\n')
    })
  }

  /** @param {Buffer} frame as `frameOf` makes it */
  write (frame) {
    this.#socket.write(frame)
  }

  cork () {
    this.#socket.cork()
  }

  uncork () {
    this.#socket.uncork()
  }

  frameOf (route, message) {
    return maskedFrame(TEXT, this.#options.protocol.wrap(route, message))
  }

  /**
   * Sends commands of the channel protocol in one frame. Resolves when all replies are there.
   * @param {object[]} commands
   */
  ask (commands) {
    this.write(maskedFrame(TEXT, commands.map(command => JSON.stringify(command)).join('\n')))
    return new Promise(resolve => {
      let missing = commands.length
      this.#onReply = (bytes, from, length) => { if (--missing === 0) resolve(length) }
    })
  }

  close () {
    this.#socket.destroy()
  }

  #end (error) {
    this.isClosed = true
    this.#onFailure(error)
  }

  #onBytes (bytes) {
    if (!this.#isUpgraded) {
      bytes = this.#upgrade(bytes)
      if (bytes === undefined) return
    }
    const { messages } = this
    this.#reader.read(bytes)
    if (this.messages !== messages) this.onRead()
  }

  /** Returns what follows the answer to the handshake. */
  #upgrade (bytes) {
    this.#handshake += bytes.toString('latin1')
    const end = this.#handshake.indexOf('\r\n\r\n')
    if (end < 0) return undefined
    const head = this.#handshake.slice(0, end)
    if (!head.startsWith('HTTP/1.1 101') || !head.includes(this.accept)) throw new Error(`The upgrade failed: ${this.#handshake}`)
    if (head.toLowerCase().includes('permessage-deflate') !== this.#options.isDeflated) throw new Error(`Compression is not what it should be: ${head}`)
    this.#isUpgraded = true
    const { protocol, channel } = this.#options
    if (protocol.hello !== undefined) this.write(maskedFrame(TEXT, protocol.hello(channel)))
    if (protocol.isReady === undefined) this.#onReady()
    return Buffer.from(this.#handshake.slice(end + 4), 'latin1')
  }

  #onFrame (first, bytes, from, length) {
    const opcode = first & 15
    if (opcode === TEXT || opcode === BINARY) {
      if (this.#options.protocol.isMessage(bytes, from, length)) this.#onMessage(first, bytes, from, length)
      else this.#onProtocol(bytes, from, length)
    } else if (opcode === PING) {
      this.pings++
      this.write(length === 0 ? EMPTY_PONG : maskedFrame(PONG, bytes.subarray(from, from + length)))
    } else if (opcode === CLOSE) {
      throw new Error(`The server closes with ${length < 2 ? 'no code' : bytes.readUInt16BE(from)}`)
    }
  }

  #onMessage (first, bytes, from, length) {
    const { isDeflated, isSample, protocol } = this.#options
    this.messages++
    this.bytes += length
    if (!isDeflated) {
      const id = decodeId(bytes, from + protocol.idOffset)
      this.sum = (this.sum + weigh(id)) | 0
      this.onMessage(id)
      return
    }
    if ((first & RSV1) === 0) throw new Error('A message came uncompressed')
    if (isSample) this.kept.push(Buffer.from(bytes.subarray(from, from + length)))
    this.onMessage(0)
  }

  #onProtocol (bytes, from, length) {
    const { protocol } = this.#options
    if (protocol.isReady?.(bytes, from, length)) this.#onReady()
    if (protocol.hello !== undefined && length > 2) this.#onReply(bytes, from, length)
    const answer = protocol.answer?.(bytes, from, length)
    if (answer !== undefined) this.write(maskedFrame(TEXT, answer))
  }
}
