import { InvalidChannelError } from '../errors.ts'

const MAX_LENGTH = 255 // UTF-16 code units, which is what String.length counts
// eslint-disable-next-line no-control-regex
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f]/

export function isChannelName (name: unknown): name is string {
  return typeof name === 'string' && name.length > 0 && name.length <= MAX_LENGTH &&
    !CONTROL_CHARACTER.test(name) && name.isWellFormed()
}

/** @throws FST_RT_INVALID_CHANNEL */
export function assertChannelName (name: unknown): asserts name is string {
  if (!isChannelName(name)) throw new InvalidChannelError()
}
