import { readFileSync } from 'node:fs'
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import { serveCommands } from '../lib/json-lines.js'
import { createJsonMaker, createTextMaker } from '../lib/payload.js'
import { createProfiler } from './profiler.js'

/** What the orchestrator wants of this server: `{ deflate, heartbeat, profileTo }`. */
export const options = JSON.parse(process.argv[2] ?? '{}')

/**
 * Lets the orchestrator have a server push and tell what it costs.
 * @param {number} port
 * @param {(message: string, work: any) => void} push to every connection, or as the parameters of the command say
 * @param {Record<string, (command: any) => unknown>} commands of one server alone
 */
export function control (port, push, commands = {}) {
  const credit = new Credit()
  const profiler = options.profileTo === undefined ? undefined : createProfiler(options.profileTo)
  let since
  const tell = serveCommands({
    async start () {
      await profiler?.start()
      since = process.cpuUsage()
    },
    /** CPU time since `start`, of all threads, in microseconds. */
    async stop () {
      const { user, system } = process.cpuUsage(since)
      await profiler?.stop()
      return user + system
    },
    push: work => pushTurns(work, credit, message => push(message, work)),
    progress: ({ turns }) => credit.reached(turns),
    memory,
    loopDelay,
    ...commands
  })
  tell({ event: 'listening', port })
}

/** How far the receivers are: the server stays a bounded number of turns ahead of them. */
class Credit {
  #reached = 0
  #wake = () => {}

  begin () {
    this.#reached = 0
  }

  reached (turns) {
    this.#reached = turns
    this.#wake()
  }

  async wait (turn, window) {
    while (turn - this.#reached >= window) await new Promise(resolve => { this.#wake = resolve })
  }
}

/** Pushes `perTurn` messages in each of so many turns of the event loop. */
async function pushTurns ({ turns, perTurn, size, window, first, isJson }, credit, push) {
  const messageOf = isJson ? createJsonMaker(size) : createTextMaker(size)
  let id = first
  credit.begin()
  for (let turn = 0; turn < turns; turn++) {
    await credit.wait(turn, window)
    for (let i = 0; i < perTurn; i++) push(messageOf(id++))
    await nextTurn()
  }
}

/** Bytes of physical memory, after everything that can be collected has been. */
async function memory () {
  for (let i = 0; i < 3; i++) {
    globalThis.gc()
    await delay(50)
  }
  try {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1_024
  } catch {
    return process.memoryUsage.rss()
  }
}

/**
 * The longest that the loop was blocked within so many ms, in ms, and the longest garbage collection, which may be why. The
 * histogram counts its own resolution of 1 ms in.
 */
async function loopDelay ({ ms }) {
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  let collection = 0
  const observer = new PerformanceObserver(list => {
    for (const { duration } of list.getEntries()) collection = Math.max(collection, duration)
  })
  observer.observe({ entryTypes: ['gc'] })
  histogram.enable()
  await delay(ms)
  histogram.disable()
  observer.disconnect()
  return { max: histogram.max / 1e6 - 1, p99: histogram.percentile(99) / 1e6 - 1, collection }
}
