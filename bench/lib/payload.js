import { encodeId, ID_LENGTH } from './ids.js'

/** Makes the text message of an id, `size` bytes long. */
export function createTextMaker (size) {
  const filler = 'x'.repeat(size - ID_LENGTH)
  return id => encodeId(id) + filler
}

const HEAD = ID_LENGTH + 2 // the id and two quotation marks

/**
 * Makes the JSON message of an id: an array of the id and of records that differ from message to message, `size` bytes
 * long, the kind of text that compresses to about a quarter.
 */
export function createJsonMaker (size) {
  return id => {
    let text = `["${encodeId(id)}"`
    for (let i = 0; text.length < size - 100; i++) {
      const price = ((id * 7919 + i * 104_729) % 100_000) / 100
      text += `,{"symbol":"SYM${(id * 31 + i * 17) % 1_000}","price":${price.toFixed(2)},"volume":${(id * 131 + i) % 10_000},"side":"buy"}`
    }
    return `${text},"${'-'.repeat(size - text.length - 4)}"]`
  }
}

/** Where the id is in such a JSON message. */
export const JSON_ID_OFFSET = HEAD - ID_LENGTH
