/** Opcodes (RFC 6455, section 5.2). */
export const CONTINUATION = 0x0
export const TEXT = 0x1
export const BINARY = 0x2
export const CLOSE = 0x8
export const PING = 0x9
export const PONG = 0xa

/** A text, or bytes. */
export type Payload = string | Uint8Array | readonly number[]

export interface FrameOptions {
  /** The last fragment of its message. */
  readonly fin?: boolean
  /** The three reserved bits: RSV1 is 4, RSV2 is 2, RSV3 is 1. */
  readonly rsv?: number
  /** Undefined for a frame without a mask. */
  readonly mask?: readonly number[] | undefined
  /** Bytes of the length field; as few as will do unless given. */
  readonly lengthBytes?: 1 | 2 | 8
  /** The length the header claims, if it is not the payload's. */
  readonly claims?: bigint
}

const MASK = [0x37, 0xfa, 0x21, 0x3d]

/** A frame as a client sends it: masked, unless told otherwise. Nothing is checked, for the broken ones are made here too. */
export function frame (opcode: number, payload: Payload = '', options: FrameOptions = {}): Buffer {
  const { fin = true, rsv = 0, mask = 'mask' in options ? undefined : MASK } = options
  const data = Buffer.from(payload as string)
  const length = options.claims ?? BigInt(data.length)
  const { lengthBytes = length < 126n ? 1 : length < 65_536n ? 2 : 8 } = options
  const head = Buffer.alloc(lengthBytes === 1 ? 2 : 2 + lengthBytes)
  head[0] = (fin ? 0x80 : 0) | rsv << 4 | opcode
  head[1] = (mask === undefined ? 0 : 0x80) | (lengthBytes === 1 ? Number(length) : lengthBytes === 2 ? 126 : 127)
  if (lengthBytes === 2) head.writeUInt16BE(Number(length), 2)
  if (lengthBytes === 8) head.writeBigUInt64BE(length, 2)
  if (mask === undefined) return Buffer.concat([head, data])
  for (let i = 0; i < data.length; i++) data[i]! ^= mask[i & 3]!
  return Buffer.concat([head, Buffer.from(mask), data])
}

/** The frames of one message that comes in these pieces. */
export function fragments (opcode: number, ...pieces: readonly Payload[]): Buffer[] {
  return pieces.map((piece, index) => frame(index === 0 ? opcode : CONTINUATION, piece, { fin: index === pieces.length - 1 }))
}

/** A close frame with this code and reason. */
export function closeFrame (code: number, reason: Payload = ''): Buffer {
  const head = Buffer.alloc(2)
  head.writeUInt16BE(code)
  return frame(CLOSE, Buffer.concat([head, Buffer.from(reason as string)]))
}
