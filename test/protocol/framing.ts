import { BINARY, CLOSE, closeFrame, CONTINUATION, frame, type FrameOptions, PING, PONG, TEXT } from './bytes.ts'
import { type Expected, type Row, row } from './row.ts'

/** The bound of one message on the server that the table is played to. */
export const MAX_PAYLOAD = 65_536

const PROTOCOL_ERROR: Expected = { fault: 1002 }
const TOO_BIG: Expected = { fault: 1009 }

const names = new Map([[CONTINUATION, 'continuation'], [TEXT, 'text'], [BINARY, 'binary'], [CLOSE, 'close'], [PING, 'ping'], [PONG, 'pong']])
const opcodes = Array.from({ length: 16 }, (_nothing, opcode) => opcode)
const known = [...names.keys()]

function nameOf (opcode: number): string {
  return `a ${names.get(opcode) ?? `frame with the reserved opcode ${opcode}`}${names.has(opcode) ? ' frame' : ''}`
}

const ofEmptyFrames: Record<number, Expected> = {
  [TEXT]: { echoes: [''] },
  [BINARY]: { echoes: [Buffer.alloc(0)] },
  [CLOSE]: { end: 1005 },
  [PING]: { pongs: [''] },
  [PONG]: {}
}

/** Section 5.2: opcodes, alone and with a payload. */
const opcodeRows: Row[] = [
  ...opcodes.map(opcode => row(`${nameOf(opcode)} that is empty and alone has its own outcome`, frame(opcode), ofEmptyFrames[opcode] ?? PROTOCOL_ERROR)),
  row('a text comes back as text', frame(TEXT, 'hello'), { echoes: ['hello'] }),
  row('bytes come back as bytes', frame(BINARY, 'hello'), { echoes: [Buffer.from('hello')] }),
  row('a ping is answered with its payload', frame(PING, 'hello'), { pongs: ['hello'] }),
  row('a pong that nobody asked for is ignored', [frame(PONG, 'hello'), frame(TEXT, 'on')], { echoes: ['on'] }),
  row('several frames in one packet are several messages', [frame(TEXT, 'a'), frame(PING, 'b'), frame(BINARY, 'c'), frame(TEXT), frame(PING)],
    { echoes: ['a', Buffer.from('c'), ''], pongs: ['b', ''] }),
  ...opcodes.filter(opcode => !names.has(opcode)).map(opcode => row(`${nameOf(opcode)} and a payload closes with 1002`, frame(opcode, 'hello'), PROTOCOL_ERROR)),
  row('what came before a broken frame is answered, and what comes after it is not', [frame(TEXT, 'before'), frame(3), frame(TEXT, 'after')],
    { echoes: ['before'], fault: 1002 })
]

/** Section 5.4 and 5.5: without FIN, data begins a fragmented message, and anything else is an error. */
const unfinishedRows = opcodes.map(opcode => row(
  `${nameOf(opcode)} without FIN ${opcode === TEXT || opcode === BINARY ? 'waits for the rest' : 'closes with 1002'}`,
  frame(opcode, 'x', { fin: false }),
  opcode === TEXT || opcode === BINARY ? {} : PROTOCOL_ERROR
))

/** Section 5.2: reserved bits are zero, since no extension has been negotiated. */
const reservedBitRows = [1, 2, 3, 4, 5, 6, 7].flatMap(rsv => known.map(opcode => {
  const begin = opcode === CONTINUATION ? [frame(TEXT, 'a', { fin: false })] : []
  return row(`${nameOf(opcode)} with the reserved bits ${rsv.toString(2).padStart(3, '0')} closes with 1002`, [...begin, frame(opcode, '', { rsv })], PROTOCOL_ERROR)
}))

/** Section 5.1: a client masks every frame. */
const maskRows: Row[] = [
  ...known.map(opcode => {
    const begin = opcode === CONTINUATION ? [frame(TEXT, 'a', { fin: false })] : []
    return row(`${nameOf(opcode)} that is not masked closes with 1002`, [...begin, frame(opcode, '', { mask: undefined })], PROTOCOL_ERROR)
  }),
  row('a text with a payload that is not masked closes with 1002', frame(TEXT, 'hello', { mask: undefined }), PROTOCOL_ERROR),
  row('a mask of zeros is a mask', frame(TEXT, 'hello', { mask: [0, 0, 0, 0] }), { echoes: ['hello'] }),
  row('a mask of ones is a mask', frame(TEXT, 'hello', { mask: [255, 255, 255, 255] }), { echoes: ['hello'] }),
  row('every frame has a mask of its own', [frame(TEXT, 'ab', { fin: false, mask: [1, 2, 3, 4] }), frame(CONTINUATION, 'cd', { mask: [5, 0, 7, 8] })],
    { echoes: ['abcd'] })
]

const sizes = [1, 2, 3, 4, 5, 124, 125, 126, 127, 128, 255, 256, 65_534, 65_535, MAX_PAYLOAD]
const bytesOf = (size: number): Buffer => Buffer.alloc(size, '0123456789')

/**
 * Section 5.2 wants the shortest of the three encodings. The `ws` package takes a longer one as well, and so do we: it
 * says the same, and costs nobody anything.
 */
const longer: ReadonlyArray<[size: number, lengthBytes: 2 | 8]> = [[0, 2], [1, 2], [125, 2], [0, 8], [1, 8], [125, 8], [126, 8], [65_535, 8]]

/**
 * Section 5.2 wants the top bit of a 64-bit length to be zero, and gives no code. The `ws` package treats it as any other
 * length beyond 2^53, as too big.
 */
const claims: ReadonlyArray<[claim: string, length: bigint]> = [
  ['one byte more than the bound', BigInt(MAX_PAYLOAD) + 1n],
  ['2^31 bytes', 2n ** 31n],
  ['2^32 bytes, whose low half is zero,', 2n ** 32n],
  ['2^53 - 1 bytes', 2n ** 53n - 1n],
  ['2^53 bytes', 2n ** 53n],
  ['2^63 - 1 bytes', 2n ** 63n - 1n],
  ['2^63 bytes, with the top bit set,', 2n ** 63n],
  ['2^64 - 1 bytes', 2n ** 64n - 1n]
]

const lengthRows: Row[] = [
  ...sizes.flatMap(size => [
    row(`a text of ${size} bytes comes back`, frame(TEXT, bytesOf(size)), { echoes: [bytesOf(size).toString()] }),
    row(`a binary message of ${size} bytes comes back`, frame(BINARY, bytesOf(size)), { echoes: [bytesOf(size)] })
  ]),
  ...longer.map(([size, lengthBytes]) => row(
    `a length of ${size} in ${lengthBytes} bytes, more than it needs, is taken all the same`,
    [frame(BINARY, bytesOf(size), { lengthBytes }), frame(TEXT, 'on')], { echoes: [bytesOf(size), 'on'] }
  )),
  ...claims.flatMap(([claim, length]) => [TEXT, BINARY].map(opcode => row(
    `the header of ${nameOf(opcode)} that claims ${claim} closes with 1009 before there is a payload`, header(opcode, { claims: length, lengthBytes: 8 }), TOO_BIG
  ))),
  row('a continuation that claims more than is left of the bound closes with 1009 before there is a payload',
    [frame(TEXT, bytesOf(40_000), { fin: false }), header(CONTINUATION, { claims: BigInt(MAX_PAYLOAD - 40_000 + 1) })], TOO_BIG),
  row('fragments that make up the bound come back',
    [frame(BINARY, bytesOf(40_000), { fin: false }), frame(CONTINUATION, bytesOf(MAX_PAYLOAD - 40_000))],
    { echoes: [Buffer.concat([bytesOf(40_000), bytesOf(MAX_PAYLOAD - 40_000)])] }),
  row('a header whose length is not complete is waited for', frame(TEXT, '', { lengthBytes: 8 }).subarray(0, 5), { isCut: true }),
  row('a header whose mask is not complete is waited for', frame(TEXT, 'hello').subarray(0, 4), { isCut: true }),
  row('a payload that is not complete is waited for', [frame(TEXT, 'before'), frame(TEXT, 'hello').subarray(0, -1)], { echoes: ['before'], isCut: true }),
  row('a payload of exactly the bound that is not sent is waited for', header(TEXT, { claims: BigInt(MAX_PAYLOAD), lengthBytes: 8 }), { isCut: true })
]

/** Section 5.5: 125 bytes are the most that a control frame carries, in the one-byte encoding. */
const controlRows: Row[] = [
  row('a ping of 125 bytes is answered with all of them', frame(PING, bytesOf(125)), { pongs: [bytesOf(125).toString()] }),
  row('a pong of 125 bytes is ignored', frame(PONG, bytesOf(125))),
  row('a close frame of 125 bytes is answered with all of them', closeFrame(1000, bytesOf(123)), { end: 1000, reason: bytesOf(123).toString() }),
  row('a ping of bytes that are not text is answered', frame(PING, Buffer.from([0xff, 0x00, 0xc0])), { pongs: ['\u00ff\u0000\u00c0'] }),
  ...[CLOSE, PING, PONG].flatMap(opcode => [
    row(`${nameOf(opcode)} of 126 bytes closes with 1002`, frame(opcode, bytesOf(126)), PROTOCOL_ERROR),
    row(`${nameOf(opcode)} of 65536 bytes closes with 1002`, frame(opcode, bytesOf(65_536)), PROTOCOL_ERROR),
    row(`${nameOf(opcode)} with a length of two bytes closes with 1002`, frame(opcode, '', { lengthBytes: 2 }), PROTOCOL_ERROR),
    row(`${nameOf(opcode)} with a length of eight bytes closes with 1002`, frame(opcode, '', { lengthBytes: 8 }), PROTOCOL_ERROR),
    row(`${nameOf(opcode)} that claims 2^64 - 1 bytes closes with 1002`, header(opcode, { claims: 2n ** 64n - 1n }), PROTOCOL_ERROR)
  ])
]

/** A frame up to its length: neither mask nor payload follows. */
function header (opcode: number, options: FrameOptions): Buffer {
  return frame(opcode, '', options).subarray(0, -4)
}

export const framing: readonly Row[] = [...opcodeRows, ...unfinishedRows, ...reservedBitRows, ...maskRows, ...lengthRows, ...controlRows]
