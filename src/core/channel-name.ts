import { InvalidChannelError } from '../errors.ts'

/** UTF-16 code units, which is what String.length counts. */
export const MAX_CHANNEL_LENGTH = 255
// eslint-disable-next-line no-control-regex
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f]/

export function isChannelName (name: unknown, maxLength = MAX_CHANNEL_LENGTH): name is string {
  return typeof name === 'string' && name.length > 0 && name.length <= maxLength &&
    !CONTROL_CHARACTER.test(name) && name.isWellFormed()
}

/** @throws FST_RT_INVALID_CHANNEL */
export function assertChannelName (name: unknown): asserts name is string {
  if (!isChannelName(name)) throw new InvalidChannelError()
}
