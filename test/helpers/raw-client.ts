import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A frame as the server sent it. */
export interface RawFrame {
  readonly opcode: number
  readonly payload: Buffer
}

/**
 * How the server ended the connection: the code and reason of its close frame (1005 for an empty one), or that the TCP
 * connection closed without any.
 */
export type RawEnd = { readonly code: number, readonly reason: string } | 'dropped'

const CLOSE = 0x8
const HANDSHAKE_END = Buffer.from('\r\n\r\n')

/**
 * A WebSocket client that sends whatever bytes it is told to, and holds what comes back to the letter of RFC 6455: a frame
 * from the server that is masked, fragmented, has a reserved bit or a length that could be shorter rejects `ended`.
 */
export class RawClient {
  readonly socket: Socket
  /** Every frame but the close frame, in the order of their arrival. */
  readonly frames: RawFrame[] = []
  readonly ended: Promise<RawEnd>
  #unread: Buffer
  #end: RawEnd = 'dropped'

  private constructor (socket: Socket, head: Buffer) {
    this.socket = socket
    this.#unread = head
    this.ended = new Promise((resolve, reject) => {
      socket.on('error', reject)
      socket.on('close', () => resolve(this.#end))
    })
    // Whoever made the client looks at its end much later than it may fail.
    this.ended.catch(() => {})
    socket.on('data', chunk => this.#read(chunk))
    this.#read(Buffer.alloc(0))
  }

  /** @param base `ws://HOST:PORT` */
  static async connect (base: string, path: string, token: string): Promise<RawClient> {
    const { hostname, port } = new URL(base)
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    await once(socket, 'connect')
    socket.write([
      `GET ${path} HTTP/1.1`,
      `Host: ${hostname}:${port}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      `Authorization: Bearer ${token}`,
      '\r\n'
    ].join('\r\n'))
    let answer = Buffer.alloc(0)
    while (!answer.includes(HANDSHAKE_END)) {
      const [chunk] = await once(socket, 'data') as [Buffer]
      answer = Buffer.concat([answer, chunk])
    }
    const status = answer.toString('latin1').split('\r\n', 1)[0]!
    if (!status.startsWith('HTTP/1.1 101 ')) {
      socket.destroy()
      throw new Error(`The upgrade was refused: ${status}`)
    }
    return new RawClient(socket, answer.subarray(answer.indexOf(HANDSHAKE_END) + HANDSHAKE_END.length))
  }

  /** The frames with one of these opcodes, in order. */
  framesOf (...opcodes: readonly number[]): RawFrame[] {
    return this.frames.filter(({ opcode }) => opcodes.includes(opcode))
  }

  #read (chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk])
    try {
      for (let frame = this.#nextFrame(); frame !== undefined; frame = this.#nextFrame()) this.#take(frame)
    } catch (error) {
      this.socket.destroy(error as Error)
    }
  }

  #take (frame: RawFrame): void {
    if (this.#end !== 'dropped') throw new Error('The server sent a frame behind its close frame')
    if (frame.opcode !== CLOSE) {
      this.frames.push(frame)
      return
    }
    const { payload } = frame
    this.#end = payload.length === 0 ? { code: 1005, reason: '' } : { code: payload.readUInt16BE(), reason: payload.toString('utf8', 2) }
    // The end of the stream is goodbye enough: the server waits for nothing else.
    this.socket.end()
  }

  #nextFrame (): RawFrame | undefined {
    const bytes = this.#unread
    if (bytes.length < 2) return undefined
    const short = bytes[1]!
    const head = short < 126 ? 2 : short === 126 ? 4 : 10
    if (bytes.length < head) return undefined
    const length = head === 2 ? short : head === 4 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
    const isMinimal = head === 2 || length >= (head === 4 ? 126 : 65_536)
    if ((bytes[0]! & 0xf0) !== 0x80 || short > 127 || !isMinimal) {
      throw new Error(`The server sent a frame that begins with ${bytes.toString('hex', 0, head)}`)
    }
    if (bytes.length < head + length) return undefined
    this.#unread = bytes.subarray(head + length)
    return { opcode: bytes[0]! & 0x0f, payload: bytes.subarray(head, head + length) }
  }
}
