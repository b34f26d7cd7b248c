import assert from 'node:assert/strict'
import { test } from 'node:test'
import { frames } from './frames.ts'
import { MAX_PAYLOAD } from './framing.ts'
import { outcomeOf, Table } from './table.ts'

/** Up to this many bytes a sequence is also sent one byte a write. */
const BYTE_BY_BYTE = 400
/** Up to this many bytes it is also sent in every two parts there are. */
const EVERY_CUT = 40

/** The sequence whole, then byte by byte, then in every two parts. */
function cutsOf (bytes: Buffer): Buffer[][] {
  const cuts = [[bytes]]
  if (bytes.length <= BYTE_BY_BYTE) cuts.push(Array.from(bytes, byte => Buffer.of(byte)))
  if (bytes.length <= EVERY_CUT) for (let at = 1; at < bytes.length; at++) cuts.push([bytes.subarray(0, at), bytes.subarray(at)])
  return cuts
}

test('what a client sends has one outcome, however it is cut, and harms nobody else', { timeout: 100_000 }, async t => {
  const table = await Table.lay(t, MAX_PAYLOAD)
  for (const { name, bytes, expected } of frames) {
    await t.test(name, async () => {
      const outcome = outcomeOf(expected)
      await Promise.all(cutsOf(bytes).map(async pieces => {
        assert.deepEqual(await table.play(pieces, expected), outcome, `in pieces of ${pieces.map(({ length }) => length).join(', ')}`)
      }))
      await table.assertUnharmed()
    })
  }
})
