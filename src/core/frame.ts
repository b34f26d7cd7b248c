import { InvalidDataError } from '../errors.ts'

/** A message ready to be sent, encoded once and shared by all its receivers: nobody may write into `payload`. */
export interface Frame {
  readonly payload: Uint8Array
  readonly binary: boolean
}

/** Frames what `connection.send` and `broadcast` accept: a string as text, bytes as binary. */
export function frameOf (data: string | Uint8Array): Frame {
  if (typeof data === 'string') return { payload: Buffer.from(data), binary: false }
  if (data instanceof Uint8Array) return { payload: data, binary: true }
  throw new InvalidDataError('a string or a Uint8Array')
}

/** Frames what `publish` accepts and what a handler returns: as `frameOf`, and anything else as JSON text. */
export function frameOfAny (data: unknown): Frame {
  if (typeof data === 'string' || data instanceof Uint8Array) return frameOf(data)
  const json: string | undefined = JSON.stringify(data)
  if (json === undefined) throw new InvalidDataError('a string, a Uint8Array or something JSON can express')
  return frameOf(json)
}
