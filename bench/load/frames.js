import { randomBytes } from 'node:crypto'

const FIN = 0x80
const MASKED = 0x80
export const TEXT = 0x1
export const BINARY = 0x2
export const CLOSE = 0x8
export const PING = 0x9
export const PONG = 0xa
export const RSV1 = 0x40

/**
 * A client's frame, masked as RFC 6455 wants it.
 * @param {number} opcode
 * @param {string | Uint8Array} data below 64 KiB
 */
export function maskedFrame (opcode, data) {
  const payload = Buffer.from(data)
  const head = payload.length < 126 ? 2 : 4
  const frame = Buffer.allocUnsafe(head + 4 + payload.length)
  frame[0] = FIN | opcode
  if (head === 2) frame[1] = MASKED | payload.length
  else {
    frame[1] = MASKED | 126
    frame.writeUInt16BE(payload.length, 2)
  }
  // Never zero: servers skip the work of unmasking when the mask is.
  const mask = randomBytes(4).map(byte => byte | 1)
  frame.set(mask, head)
  for (let i = 0; i < payload.length; i++) frame[head + 4 + i] = payload[i] ^ mask[i & 3]
  return frame
}

/**
 * Finds the frames in what a server sends. It is as plain as it can be, because it runs for every delivery on the core that
 * has to keep up with the server.
 */
export class FrameReader {
  #onFrame
  /** The beginning of a frame whose end has not arrived. */
  #rest

  /** @param {(firstByte: number, bytes: Buffer, from: number, length: number) => void} onFrame for each frame's payload */
  constructor (onFrame) {
    this.#onFrame = onFrame
  }

  /** @param {Buffer} bytes are only read until this returns */
  read (bytes) {
    if (this.#rest !== undefined) {
      bytes = Buffer.concat([this.#rest, bytes])
      this.#rest = undefined
    }
    const end = bytes.length
    let at = 0
    while (end - at >= 2) {
      let length = bytes[at + 1]
      let head = 2
      if (length === 126) {
        if (end - at < 4) break
        length = bytes.readUInt16BE(at + 2)
        head = 4
      } else if (length === 127) {
        if (end - at < 10) break
        length = Number(bytes.readBigUInt64BE(at + 2))
        head = 10
      } else if (length > 127) {
        throw new Error('A server must not mask its frames')
      }
      if (end - at < head + length) break
      if ((bytes[at] & FIN) === 0) throw new Error('No server here fragments its messages')
      this.#onFrame(bytes[at], bytes, at + head, length)
      at += head + length
    }
    // A copy, because the memory belongs to all connections.
    if (at < end) this.#rest = Buffer.from(bytes.subarray(at))
  }
}
