import { BINARY, closeFrame, CONTINUATION, fragments, frame, type Payload, PING, PONG, TEXT } from './bytes.ts'
import { type Expected, type Row, row } from './row.ts'

const PROTOCOL_ERROR: Expected = { fault: 1002 }
const NOT_UTF8: Expected = { fault: 1007 }
/** Fragments that one message may come in. */
const MAX_FRAGMENTS = 64

const begin = (payload: Payload, opcode = TEXT): Buffer => frame(opcode, payload, { fin: false })
const middle = (payload: Payload): Buffer => frame(CONTINUATION, payload, { fin: false })
const end = (payload: Payload): Buffer => frame(CONTINUATION, payload)

/** Section 5.4. */
const fragmentRows: Row[] = [
  row('a text in two fragments is one message', fragments(TEXT, 'he', 'llo'), { echoes: ['hello'] }),
  row('a text in five fragments is one message', fragments(TEXT, 'h', 'e', 'l', 'l', 'o'), { echoes: ['hello'] }),
  row('a binary message in three fragments is one message', fragments(BINARY, 'a', 'b', 'c'), { echoes: [Buffer.from('abc')] }),
  row('empty fragments add nothing', fragments(TEXT, '', 'a', '', 'b', ''), { echoes: ['ab'] }),
  row('a text of empty fragments is an empty text', fragments(TEXT, '', '', ''), { echoes: [''] }),
  row('a binary message of empty fragments is an empty one', fragments(BINARY, '', ''), { echoes: [Buffer.alloc(0)] }),
  row('a fragmented message can follow another', [...fragments(TEXT, 'a', 'b'), ...fragments(BINARY, 'c', 'd'), frame(TEXT, 'e')],
    { echoes: ['ab', Buffer.from('cd'), 'e'] }),
  row('a ping between fragments is answered, and the message stays whole', [begin('he'), frame(PING, 'p'), end('llo')], { echoes: ['hello'], pongs: ['p'] }),
  row('pings between all fragments are answered in order', [begin('a'), frame(PING, '1'), frame(PING, '2'), middle('b'), frame(PING, '3'), end('c'), frame(PING, '4')],
    { echoes: ['abc'], pongs: ['1', '2', '3', '4'] }),
  row('sixty pings in one packet are answered', Array<Buffer>(60).fill(frame(PING, 'p')), { pongs: Array<string>(60).fill('p') }),
  row('a ping before the message is complete is answered', [begin('he'), frame(PING, 'p')], { pongs: ['p'] }),
  row('a pong between fragments leaves the message whole', [begin('he', BINARY), frame(PONG, 'p'), end('llo')], { echoes: [Buffer.from('hello')] }),
  row('a close frame between fragments ends the connection without the message', [begin('he'), closeFrame(1000), end('llo')], { end: 1000 }),
  row('a message that is still incomplete when the connection closes is forgotten', [begin('he'), middle('ll'), closeFrame(1001)], { end: 1001 }),
  row('a continuation of nothing closes with 1002', end('x'), PROTOCOL_ERROR),
  row('a continuation of nothing, without FIN, closes with 1002', middle('x'), PROTOCOL_ERROR),
  row('a continuation of a message that was complete closes with 1002', [frame(TEXT, 'a'), end('b')], { echoes: ['a'], fault: 1002 }),
  row('a continuation of a fragmented message that was complete closes with 1002', [...fragments(TEXT, 'a', 'b'), end('c')], { echoes: ['ab'], fault: 1002 }),
  row('a continuation behind a ping alone closes with 1002', [frame(PING, 'p'), end('x')], { pongs: ['p'], fault: 1002 }),
  row('a new text inside a fragmented one closes with 1002', [begin('a'), frame(TEXT, 'b')], PROTOCOL_ERROR),
  row('a new text inside a fragmented binary message closes with 1002', [begin('a', BINARY), frame(TEXT, 'b')], PROTOCOL_ERROR),
  row('a new binary message inside a fragmented text closes with 1002', [begin('a'), frame(BINARY, 'b')], PROTOCOL_ERROR),
  row('a new fragmented text inside a fragmented one closes with 1002', [begin('a'), begin('b')], PROTOCOL_ERROR),
  row('a new text inside a message whose first fragment is empty closes with 1002', [begin(''), frame(TEXT, 'b')], PROTOCOL_ERROR),
  row('a message in as many fragments as there may be comes back', fragments(TEXT, ...Array<string>(MAX_FRAGMENTS).fill('x')), { echoes: ['x'.repeat(MAX_FRAGMENTS)] }),
  row('a message in one fragment more than there may be closes with 1008', fragments(TEXT, ...Array<string>(MAX_FRAGMENTS + 1).fill('x')), { fault: 1008 }),
  row('empty fragments count as well', fragments(TEXT, ...Array<string>(MAX_FRAGMENTS + 1).fill('')), { fault: 1008 }),
  row('control frames do not count as fragments', [begin('a'), ...Array<Buffer>(MAX_FRAGMENTS / 2).fill(frame(PONG)), ...Array<Buffer>(MAX_FRAGMENTS - 2).fill(middle('')), end('b')],
    { echoes: ['ab'] })
]

/** The first and the last character of every length, and those that are often taken for something else. */
const characters = [
  '\u0000', '\u007f', '\u0080', '\u07ff', '\u0800', '\ud7ff', '\ue000', '\ufdd0', '\ufeff', '\ufffd', '\ufffe', '\uffff', '\u{10000}', '\u{1fffe}', '\u{10ffff}'
]

const notUtf8: ReadonlyArray<[what: string, bytes: readonly number[]]> = [
  ['a lone continuation byte', [0x80]],
  ['the last continuation byte alone', [0xbf]],
  ['an overlong NUL in two bytes', [0xc0, 0x80]],
  ['an overlong U+007F in two bytes', [0xc1, 0xbf]],
  ['an overlong NUL in three bytes', [0xe0, 0x80, 0x80]],
  ['an overlong U+07FF in three bytes', [0xe0, 0x9f, 0xbf]],
  ['an overlong NUL in four bytes', [0xf0, 0x80, 0x80, 0x80]],
  ['an overlong U+FFFF in four bytes', [0xf0, 0x8f, 0xbf, 0xbf]],
  ['the surrogate U+D800', [0xed, 0xa0, 0x80]],
  ['the surrogate U+DFFF', [0xed, 0xbf, 0xbf]],
  ['a pair of surrogates', [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]],
  ['U+110000', [0xf4, 0x90, 0x80, 0x80]],
  ['the lead byte F5', [0xf5, 0x80, 0x80, 0x80]],
  ['five bytes for one character', [0xf8, 0x88, 0x80, 0x80, 0x80]],
  ['six bytes for one character', [0xfc, 0x84, 0x80, 0x80, 0x80, 0x80]],
  ['the byte FE', [0xfe]],
  ['the byte FF', [0xff]],
  ['a character of two bytes cut after one', [0xc3]],
  ['a character of three bytes cut after two', [0xe2, 0x82]],
  ['a character of four bytes cut after three', [0xf0, 0x9f, 0x98]],
  ['a lead byte that something else follows', [0xc3, 0x28]]
]

/** So long that another way of checking is taken: `ws` looks at less than 24 bytes itself, and lets Node look at more. */
const long = 'x'.repeat(40)

/** Section 5.6 and 8.1. */
const utf8Rows: Row[] = [
  ...characters.flatMap(character => [character, long + character].map(text => row(
    `a text of ${text.length > 2 ? 'many bytes' : 'only a few'} that ends in U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')} comes back`,
    frame(TEXT, text), { echoes: [text] }
  ))),
  ...notUtf8.flatMap(([what, bytes]) => [
    row(`a text that is ${what} closes with 1007`, frame(TEXT, bytes), NOT_UTF8),
    row(`a text with ${what} at the end of much else closes with 1007`, frame(TEXT, Buffer.concat([Buffer.from(long), Buffer.from(bytes)])), NOT_UTF8),
    row(`a text with ${what} at the end of a fragment closes with 1007`, fragments(TEXT, Buffer.concat([Buffer.from('a'), Buffer.from(bytes)]), 'b'), NOT_UTF8),
    row(`bytes that would be ${what} come back as they are`, frame(BINARY, bytes), { echoes: [Buffer.from(bytes)] })
  ]),
  ...['é', '€', '😀'].flatMap(character => cutsOf(Buffer.from(`a${character}b`)).map(([first, second]) => row(
    `a text with ${character} in two fragments, the first of ${first.length} bytes, comes back`, fragments(TEXT, first, second), { echoes: [`a${character}b`] }
  ))),
  row('a character with a ping between each of its bytes comes back', [begin([0xf0]), frame(PING), middle([0x9f]), frame(PING), middle([0x98]), frame(PING), end([0x80])],
    { echoes: ['😀'], pongs: ['', '', ''] }),
  row('a text that was not UTF-8 is the last one that is looked at', [frame(TEXT, 'before'), frame(TEXT, [0xff]), frame(TEXT, 'after')], { echoes: ['before'], fault: 1007 })
]

function cutsOf (bytes: Buffer): Array<[Buffer, Buffer]> {
  return Array.from({ length: bytes.length - 1 }, (_nothing, index) => [bytes.subarray(0, index + 1), bytes.subarray(index + 1)])
}

export const messages: readonly Row[] = [...fragmentRows, ...utf8Rows]
