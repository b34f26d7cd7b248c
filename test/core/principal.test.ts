import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasPermission } from '../../src/core/principal.ts'

const may = (permissions: string[], permission: string) => hasPermission({ id: 'x', permissions }, permission)

test('a permission is granted by the same word, or by what begins it and ends in an asterisk', () => {
  assert.equal(may(['echo'], 'echo'), true)
  assert.equal(may(['subscribe:chat:*'], 'subscribe:chat:42'), true)
  assert.equal(may(['subscribe:*'], 'subscribe:news'), true)
  assert.equal(may(['*'], 'anything'), true)
})

test('nothing else grants it', () => {
  assert.equal(may([], 'echo'), false)
  assert.equal(may(['echo'], 'echoes'), false)
  assert.equal(may(['ech'], 'echo'), false)
  assert.equal(may(['subscribe:chat:*'], 'publish:chat:42'), false)
  assert.equal(may(['subscribe:*:x'], 'subscribe:a:x'), false)
  assert.equal(may(['subscribe:chat'], 'subscribe:*'), false)
})
