import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CloseCode, closeCodes, cutReason, isSendableCloseCode } from '../src/close-codes.ts'

test('every close code has its row in the table, and may be sent', () => {
  assert.deepEqual(closeCodes.map(({ code }) => code), Object.values(CloseCode))
  for (const { code, reason } of closeCodes) {
    assert.equal(isSendableCloseCode(code), true)
    assert.equal(cutReason(reason), reason)
  }
})

test('a reason is cut to 123 bytes and never inside a character', () => {
  assert.equal(cutReason('x'.repeat(123)), 'x'.repeat(123))
  assert.equal(cutReason('x'.repeat(124)), 'x'.repeat(123))
  for (const character of ['é', '€', '😀']) {
    for (let before = 118; before <= 123; before++) {
      const cut = cutReason('x'.repeat(before) + character.repeat(3))
      assert.ok(Buffer.byteLength(cut) <= 123)
      assert.ok(!cut.includes('\ufffd'))
      assert.ok(Buffer.byteLength(cut) > 123 - Buffer.byteLength(character))
    }
  }
})
