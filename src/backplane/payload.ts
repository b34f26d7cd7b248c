import { InvalidDataError } from '../errors.ts'
import type { Payload } from './backplane.ts'

/** What is published: a string as text, bytes as binary, anything else as JSON. */
export function payloadOf (data: unknown): Payload {
  if (typeof data === 'string') return { format: 'text', data }
  if (data instanceof Uint8Array) return { format: 'binary', data }
  return { format: 'json', data: jsonOf(data) }
}

/** @throws FST_RT_INVALID_DATA for what JSON cannot express, or what is nested deeper than it can be written */
export function jsonOf (data: unknown): string {
  let json: string | undefined
  try {
    json = JSON.stringify(data)
  } catch {
    // A BigInt, a circle, a depth: the error names the data only.
  }
  if (json === undefined) throw new InvalidDataError('a string, a Uint8Array or something JSON can express')
  return json
}
