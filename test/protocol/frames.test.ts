import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { buildApp, listen } from '../helpers/app.ts'
import { connect } from '../helpers/client.ts'
import { type RawEnd, RawClient } from '../helpers/raw-client.ts'
import { until } from '../helpers/until.ts'
import { BINARY, closeFrame, PONG, TEXT } from './bytes.ts'
import { MAX_PAYLOAD } from './framing.ts'
import { frames } from './frames.ts'
import type { Row } from './row.ts'

/** Up to this many bytes a sequence is also sent one byte a write. */
const BYTE_BY_BYTE = 400
/** Up to this many bytes it is also sent in every two parts there are. */
const EVERY_CUT = 40

interface Outcome {
  readonly echoes: ReadonlyArray<string | Buffer>
  readonly pongs: readonly string[]
  readonly end: RawEnd
  /** What the log says of the end: code, reason and who ended it. */
  readonly told: readonly [code: number, reason: string, endedBy: string]
}

/** The row's expectation, with what follows from it. */
function expectationOf ({ expected: { echoes = [], pongs = [], end = 'open', reason = '' }, bytes }: Row): Outcome & { isBroken: boolean } {
  return { echoes, pongs, end: 'dropped', told: [0, reason, ''], isBroken: end === bytes.length }
}

test('placeholder', () => { assert.ok(expectationOf) })
void [test, BINARY, closeFrame, PONG, TEXT, MAX_PAYLOAD, frames, connect, buildApp, listen, until, RawClient, BYTE_BY_BYTE, EVERY_CUT] as unknown as Socket
