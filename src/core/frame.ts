import { constants, deflateRawSync } from 'node:zlib'
import { InvalidDataError } from '../errors.ts'

const TEXT = 0x1
const BINARY = 0x2
const PING = 0x9
const FIN = 0x80
const RSV1 = 0x40 // the message is compressed (RFC 7692)

/** Bytes from which a frame is handed on as it is; smaller ones are cheaper to copy together than to write apart. */
export const LARGE_FRAME = 8_192

/**
 * A message as bytes on the wire (RFC 6455, section 5.2), made once for all its receivers. Nobody may write into it. A
 * server's frames are not masked, which is what makes them the same for everybody.
 */
export class Frame {
  /** The header, where the payload is too large to be copied behind it, and what of the payload is not shared. */
  readonly head: Uint8Array | undefined
  /** Header and payload; the rest of the payload where there is a `head`. */
  readonly body: Uint8Array
  /** Bytes on the wire. */
  readonly length: number
  readonly payloadLength: number
  readonly #opcode: number
  /** Bytes of the payload that are in `head`, behind the header. */
  readonly #prefixLength: number
  #deflated: Frame | undefined = undefined

  /** @param prefix of the payload, where the data is long and shared with other frames */
  constructor (opcode: number, data: string | Uint8Array, flags = FIN, prefix = '') {
    const prefixLength = Buffer.byteLength(prefix)
    const payloadLength = prefixLength + (typeof data === 'string' ? Buffer.byteLength(data) : data.length)
    const headLength = payloadLength < 126 ? 2 : payloadLength < 65_536 ? 4 : 10
    const isHanded = typeof data !== 'string' && payloadLength >= LARGE_FRAME
    const target = Buffer.allocUnsafe(headLength + (isHanded ? prefixLength : payloadLength))
    target[0] = flags | opcode
    if (headLength === 2) target[1] = payloadLength
    else if (headLength === 4) {
      target[1] = 126
      target.writeUInt16BE(payloadLength, 2)
    } else {
      target[1] = 127
      target.writeBigUInt64BE(BigInt(payloadLength), 2)
    }
    if (prefixLength > 0) target.write(prefix, headLength)
    if (typeof data === 'string') target.write(data, headLength + prefixLength)
    else if (!isHanded) target.set(data, headLength + prefixLength)
    this.head = isHanded ? target : undefined
    this.body = isHanded ? data : target
    this.length = headLength + payloadLength
    this.payloadLength = payloadLength
    this.#opcode = opcode
    this.#prefixLength = isHanded ? prefixLength : 0
  }

  get isBinary (): boolean {
    return this.#opcode === BINARY
  }

  get isPing (): boolean {
    return this.#opcode === PING
  }

  get payload (): Uint8Array {
    if (this.head === undefined) return this.body.subarray(this.length - this.payloadLength)
    if (this.#prefixLength === 0) return this.body
    return Buffer.concat([this.head.subarray(-this.#prefixLength), this.body])
  }

  /**
   * The same message compressed, made at most once; the message itself if it is shorter than the threshold. Without
   * context takeover the compressed bytes are the same for every receiver (RFC 7692, section 7.2.1).
   */
  deflated (threshold: number): Frame {
    if (this.payloadLength < threshold || this.isPing) return this
    this.#deflated ??= new Frame(this.#opcode, deflate(this.payload), FIN | RSV1)
    return this.#deflated
  }
}

export const PING_FRAME = new Frame(PING, '')

/** Frames what `connection.send` and `broadcast` accept: a string as text, bytes as binary. */
export function frameOf (data: string | Uint8Array): Frame {
  if (typeof data === 'string') return new Frame(TEXT, data)
  if (data instanceof Uint8Array) return new Frame(BINARY, data)
  throw new InvalidDataError('a string or a Uint8Array')
}

/** Frames a text whose end is shared with other frames, as UTF-8: from a certain length on, that is not copied. */
export function frameOfParts (text: string, end: Uint8Array): Frame {
  return new Frame(TEXT, end, FIN, text)
}

/** Frames what a handler returns: as `frameOf`, and anything else as JSON text. */
export function frameOfAny (data: unknown): Frame {
  if (typeof data === 'string' || data instanceof Uint8Array) return frameOf(data)
  const json: string | undefined = JSON.stringify(data)
  if (json === undefined) throw new InvalidDataError('a string, a Uint8Array or something JSON can express')
  return frameOf(json)
}

/** A sync flush ends in four bytes that the receiver puts back by itself (RFC 7692, section 7.2.1). */
const FLUSH_TAIL = 4

function deflate (payload: Uint8Array): Uint8Array {
  const bytes = deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH })
  return bytes.subarray(0, bytes.length - FLUSH_TAIL)
}
