import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

interface Result {
  readonly name: string
  readonly figures: Record<string, { readonly median: number, readonly deliveries: number }>
}

const runFile = fileURLToPath(new URL('../../bench/run.js', import.meta.url))

/** Runs a workload with a handful of clients. The benchmark itself fails when a message is lost or comes twice. */
async function smoke (workload: string): Promise<Result> {
  const { stdout } = await promisify(execFile)(process.execPath, [runFile, '--smoke', '--json', workload])
  const [result] = JSON.parse(stdout) as Result[]
  assert.ok(result !== undefined)
  return result
}

const cases = [
  { workload: 'push-1', deliveries: 4 * 20 },
  { workload: 'push-32', deliveries: 2 * 32 * 20 },
  { workload: 'chat-200', deliveries: 3 * 20 * 19 },
  { workload: 'chat-1000', deliveries: 30 * 29 },
  { workload: 'echo-1', deliveries: 10 * 20 },
  { workload: 'echo-16', deliveries: 40 * 20 },
  { workload: 'push-deflate', deliveries: 4 * 20 },
  { workload: 'channels-1', deliveries: 4 * 20 },
  { workload: 'channels-32', deliveries: 2 * 32 * 20 },
  { workload: 'channel-memory', deliveries: 20 * 5 },
  { workload: 'presence', deliveries: 2 },
  { workload: 'resume', deliveries: 20 * 5 },
  { workload: 'publish-100k', deliveries: 20 * 100 },
  { workload: 'connect', deliveries: 20 },
  { workload: 'memory', deliveries: 20 },
  { workload: 'latency-200', deliveries: 50 * 19 },
  { workload: 'latency-1000', deliveries: 50 * 19 }
]

for (const { workload, deliveries } of cases) {
  test(`every contestant of ${workload} delivers every message once`, async () => {
    const { name, figures } = await smoke(workload)
    assert.equal(name, workload)
    assert.ok('ours' in figures)
    for (const [contestant, figure] of Object.entries(figures)) {
      assert.equal(figure.deliveries, deliveries, contestant)
      assert.ok(Number.isFinite(figure.median), contestant)
    }
  })
}

test('the heartbeat of the benchmark pings every connection in each interval, and loses none', async () => {
  const { figures } = await smoke('heartbeat')
  assert.ok(figures.ours !== undefined && figures.ours.deliveries >= 4 * 20)
})

test('a workload that does not exist is named, with those that do', async () => {
  await assert.rejects(smoke('nothing'), { code: 1, stderr: /There is no workload nothing\. There are: push-1,/ })
})
