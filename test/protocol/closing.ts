import { CLOSE, closeFrame, frame, PING, PONG, TEXT } from './bytes.ts'
import { type Expected, type Row, row } from './row.ts'

const PROTOCOL_ERROR: Expected = { fault: 1002 }

/** Section 7.4: those of the registry that may be sent, and the first and last of what libraries and applications have. */
const sendable = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
/** Reserved, only for use inside a program, or of nobody. */
const unsendable = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 9999, 32_768, 65_535]

const notUtf8 = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]]

/** Sections 5.5.1 and 7. */
export const closing: readonly Row[] = [
  row('an empty close frame is answered with an empty one', frame(CLOSE), { end: 1005 }),
  row('a close frame of one byte closes with 1002', frame(CLOSE, [0x03]), PROTOCOL_ERROR),
  ...sendable.map(code => row(`a close frame with ${code} is answered with the same`, closeFrame(code), { end: code })),
  ...sendable.map(code => row(`a close frame with ${code} and a reason is answered with both`, closeFrame(code, 'because'), { end: code, reason: 'because' })),
  ...unsendable.map(code => row(`a close frame with ${code} closes with 1002`, closeFrame(code), PROTOCOL_ERROR)),
  ...unsendable.map(code => row(`a close frame with ${code} and a reason closes with 1002`, closeFrame(code, 'because'), PROTOCOL_ERROR)),
  row('a close reason may have characters of every length', closeFrame(1000, 'aé€😀'), { end: 1000, reason: 'aé€😀' }),
  row('a close reason of 123 bytes, the last of them a character of four, is answered', closeFrame(4000, `${'x'.repeat(119)}😀`), { end: 4000, reason: `${'x'.repeat(119)}😀` }),
  ...notUtf8.flatMap(bytes => [
    row(`a close reason of the bytes ${Buffer.from(bytes).toString('hex')} closes with 1007`, closeFrame(1000, bytes), { fault: 1007 }),
    row(`a long close reason that ends in the bytes ${Buffer.from(bytes).toString('hex')} closes with 1007`,
      closeFrame(1000, Buffer.concat([Buffer.alloc(40, 'x'), Buffer.from(bytes)])), { fault: 1007 })
  ]),
  row('what was sent before a close frame is answered before it', [frame(TEXT, 'a'), frame(PING, 'p'), frame(TEXT, 'b'), closeFrame(1000)],
    { echoes: ['a', 'b'], pongs: ['p'], end: 1000 }),
  row('a text behind a close frame is ignored', [closeFrame(1000), frame(TEXT, 'late')], { end: 1000 }),
  row('a text behind an empty close frame is ignored', [frame(CLOSE), frame(TEXT, 'late')], { end: 1005 }),
  row('a ping behind a close frame is not answered', [closeFrame(1000), frame(PING, 'late')], { end: 1000 }),
  row('a pong behind a close frame is ignored', [closeFrame(1000), frame(PONG, 'late')], { end: 1000 }),
  row('a second close frame is ignored', [closeFrame(1000), closeFrame(1001)], { end: 1000 }),
  row('a broken frame behind a close frame is ignored', [closeFrame(1000), frame(3), Buffer.alloc(20, 0xff)], { end: 1000 }),
  row('a text that is not UTF-8 behind a close frame is ignored', [closeFrame(1000), frame(TEXT, [0xff])], { end: 1000 }),
  row('a close frame behind a broken one is ignored', [frame(3), closeFrame(1000)], PROTOCOL_ERROR),
  row('a ping behind a broken frame is not answered', [frame(TEXT, 'x', { rsv: 4 }), frame(PING, 'late')], PROTOCOL_ERROR)
]
