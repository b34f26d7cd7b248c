import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BINARY, CONTINUATION, frame, PING, TEXT } from './bytes.ts'
import { outcomeOf, Table } from './table.ts'

const LARGEST = 70_000
const SOME_TEXT = Buffer.from('a\u0000é€😀~'.repeat(LARGEST / 10))

interface Message {
  readonly isText: boolean
  readonly size: number
  /** Where it is cut into fragments, as parts of its length: also in the middle of a character, also twice at one place. */
  readonly cuts: readonly number[]
  readonly masks: ReadonlyArray<readonly number[]>
  /** A ping goes before the fragment of this number. */
  readonly pings: readonly number[]
}

const part = fc.double({ min: 0, max: 1, noNaN: true })
const mask = fc.array(fc.nat(255), { minLength: 4, maxLength: 4 })
const message: fc.Arbitrary<Message> = fc.record({
  isText: fc.boolean(),
  // Around every border of the length's encodings and of what is copied, and anything else.
  size: fc.oneof(fc.nat(40), fc.constantFrom(0, 125, 126, 127, 8_191, 8_192, 65_535, 65_536, LARGEST), fc.nat(LARGEST)),
  cuts: fc.array(part, { maxLength: 6 }),
  masks: fc.array(mask, { minLength: 1, maxLength: 3 }),
  pings: fc.uniqueArray(fc.nat(6), { maxLength: 3 })
})

/** Bytes that are text if they are to be: no character is cut at the end. */
function payloadOf ({ isText, size }: Message, index: number): Buffer {
  const bytes = Buffer.alloc(size, SOME_TEXT)
  if (!isText) return bytes.map(byte => byte + index) as Buffer
  let end = size
  while (end > 0 && end < SOME_TEXT.length && (SOME_TEXT[end]! & 0xc0) === 0x80) end--
  return bytes.subarray(0, end)
}

function framesOf (sent: Message, payload: Buffer, ping: () => Buffer): Buffer[] {
  const ends = [...sent.cuts.map(cut => Math.round(cut * payload.length)).sort((a, b) => a - b), payload.length]
  return ends.flatMap((end, index) => {
    const fragment = frame(index > 0 ? CONTINUATION : sent.isText ? TEXT : BINARY, payload.subarray(ends[index - 1] ?? 0, end), {
      fin: index === ends.length - 1,
      mask: sent.masks[index % sent.masks.length]
    })
    return sent.pings.includes(index) ? [ping(), fragment] : [fragment]
  })
}

function split (bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const ends = [...new Set(cuts.map(cut => Math.round(cut * bytes.length))).add(bytes.length)].sort((a, b) => a - b)
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end)).filter(({ length }) => length > 0)
}

test('any messages, in any fragments, with pings between them and cut anywhere, come back in order', { timeout: 100_000 }, async t => {
  const table = await Table.lay(t, LARGEST)
  await fc.assert(fc.asyncProperty(fc.array(message, { maxLength: 6 }), fc.array(part, { maxLength: 25 }), async (sent, cuts) => {
    const pongs: string[] = []
    const ping = (): Buffer => frame(PING, `ping ${pongs.push(`ping ${pongs.length}`) - 1}`)
    const payloads = sent.map(payloadOf)
    const bytes = Buffer.concat(sent.flatMap((one, index) => framesOf(one, payloads[index]!, ping)))
    const echoes = payloads.map((payload, index) => sent[index]!.isText ? payload.toString() : payload)
    assert.deepEqual(await table.play(split(bytes, cuts), {}), outcomeOf({ echoes, pongs }))
    await table.assertUnharmed()
  }), { numRuns: 300 })
})
