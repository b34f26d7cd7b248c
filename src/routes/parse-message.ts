import type { TSchema } from '@sinclair/typebox'
import type { TypeCheck } from '@sinclair/typebox/compiler'

/** Parses a message of a route with a schema. The error is for the client, in the words of the error frame. */
export function parseMessage (check: TypeCheck<TSchema>, data: Buffer, isBinary: boolean): { value: unknown } | { error: string } {
  if (isBinary) return { error: 'Expected JSON text, got a binary message' }
  let value: unknown
  try {
    value = JSON.parse(data.toString())
  } catch {
    return { error: 'Expected JSON' }
  }
  try {
    if (check.Check(value)) return { value }
    const first = check.Errors(value).First()
    return { error: `${first?.path ? `${first.path}: ` : ''}${first?.message ?? 'Invalid'}` }
  } catch (error) {
    // A recursive schema follows the message as deep as it goes.
    if (error instanceof RangeError) return { error: 'Nested too deeply' }
    throw error
  }
}
