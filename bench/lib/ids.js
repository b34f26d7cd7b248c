/** Every message begins with its number, in letters that mean nothing to JSON: six of them, four bits each. */
export const ID_LENGTH = 6

const FIRST_LETTER = 65

/** @param {number} id below 2 ** 24 */
export function encodeId (id) {
  let text = ''
  for (let shift = 20; shift >= 0; shift -= 4) text += String.fromCharCode(FIRST_LETTER + ((id >> shift) & 15))
  return text
}

/** @param {Uint8Array} bytes */
export function decodeId (bytes, offset) {
  let id = 0
  for (let i = 0; i < ID_LENGTH; i++) id = (id << 4) | (bytes[offset + i] - FIRST_LETTER)
  return id
}

/**
 * What an id adds to a receiver's sum. Different for every id, and not linear, so that one message lost and another doubled
 * do not cancel out.
 */
export function weigh (id) {
  const mixed = Math.imul(id + 1, 0x9E3779B1)
  return mixed ^ (mixed >>> 15)
}

/** The sum of the weights of `count` ids from `first` on. */
export function weighRange (first, count) {
  let sum = 0
  for (let id = first; id < first + count; id++) sum = (sum + weigh(id)) | 0
  return sum
}
