import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { CannotProvoke } from './fault.ts'
import type { ServerProcess } from './server-process.ts'

export interface UpgradeRequest {
  readonly method?: string
  readonly path?: string
  readonly httpVersion?: '1.0' | '1.1'
  readonly token?: string
  /** In place of what belongs there; undefined leaves the header out. */
  readonly headers?: Readonly<Record<string, string | undefined>>
}

/** An upgrade request as text, up to the empty line at its end. */
export function upgrade ({ method = 'GET', path = '/ws/echo', httpVersion = '1.1', token = 'alice', headers = {} }: UpgradeRequest = {}): string {
  const all: Record<string, string | undefined> = {
    Host: '127.0.0.1',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    Authorization: `Bearer ${token}`,
    ...headers
  }
  const lines = Object.entries(all).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${path} HTTP/${httpVersion}\r\n${lines.join('')}\r\n`
}

/** A TCP connection that keeps what comes back, and takes its end, however rude, without complaint. */
export class Peer {
  readonly socket: Socket
  /** Everything that was received. */
  received = Buffer.alloc(0)
  hasEnded = false
  /** The server has said its last word: it may well be that this side still keeps the connection. */
  readonly ended: Promise<void>
  readonly #readers: Array<() => void> = []

  private constructor (socket: Socket) {
    this.socket = socket
    socket.on('error', () => {}) // a reset is what many of these are about
    this.ended = new Promise(resolve => {
      for (const event of ['end', 'close']) {
        socket.once(event, () => {
          this.hasEnded = true
          resolve()
          this.#wake()
        })
      }
    })
    socket.on('data', chunk => {
      this.received = Buffer.concat([this.received, chunk])
      this.#wake()
    })
  }

  /** Connects, and sends the bytes at once. It ends its side of the connection when it is told to, and not before. */
  static async dial (port: number, bytes: string | Uint8Array = ''): Promise<Peer> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true })
    await once(socket, 'connect')
    const peer = new Peer(socket)
    if (bytes.length > 0) socket.write(bytes)
    return peer
  }

  /** The status of the answer, once it is there; 0 if the connection ended without one. */
  async status (): Promise<number> {
    await this.until(() => this.received.includes('\r\n\r\n'))
    return Number(/^HTTP\/1\.1 (\d{3}) /.exec(this.received.toString('latin1', 0, 64))?.[1] ?? 0)
  }

  /** What came after the head of the answer. */
  get body (): Buffer {
    return this.received.subarray(this.received.indexOf('\r\n\r\n') + 4)
  }

  /** Waits for something that received bytes, or the end of the connection, bring about. */
  async until (condition: () => boolean): Promise<void> {
    while (!condition() && !this.hasEnded) await new Promise<void>(resolve => { this.#readers.push(resolve) })
  }

  #wake (): void {
    for (const resolve of this.#readers.splice(0)) resolve()
  }
}

/** Runs the task `count` times, so many at once. */
export async function inParallel<T> (count: number, width: number, task: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = []
  let next = 0
  await Promise.all(Array.from({ length: Math.min(width, count) }, async () => {
    while (next < count) {
      const index = next++
      results[index] = await task(index)
    }
  }))
  return results
}

/** Polls until the condition holds. Fails when it still does not after `ms`, and says what was waited for. */
export async function eventually (ms: number, what: () => string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + ms
  while (!await condition()) {
    if (performance.now() > deadline) assert.fail(what())
    await delay(20)
  }
}

export interface Stats {
  readonly opened: number
  readonly size: number
  readonly slowConsumers: number
}

export interface Aftermath {
  /** File descriptors before the fault. */
  readonly baseline: number
  /** Ms that the server may take to be as before. */
  readonly within?: number
  readonly closeTimeout?: number
}

/** What holds after every fault: sockets and registry as before, no exception, alive, and able to close in time. */
export async function assertUnharmed (server: ServerProcess, { baseline, within = 2_000, closeTimeout = 5_000 }: Aftermath): Promise<void> {
  await eventually(within, () => `${server.sockets - baseline} sockets are left`, () => server.sockets <= baseline)
  await eventually(within, () => 'the registry is not empty', async () => (await server.ask<Stats>('stats')).size === 0)
  assert.doesNotMatch(server.output, /uncaught|unhandled/i)
  assert.equal(server.child.exitCode, null, server.output)
  const start = performance.now()
  const exited = once(server.child, 'exit') as Promise<[number | null]>
  server.child.kill('SIGTERM')
  const [code] = await Promise.race([exited, delay(closeTimeout + 1_000, [undefined] as const, { ref: false })])
  assert.equal(code, 0, `exit code ${code} after ${Math.round(performance.now() - start)} ms`)
}

/** The highest resident memory of the server since this was made, as the kernel has it. */
export class Peak {
  readonly #server: ServerProcess
  readonly #before: number // MB

  constructor (server: ServerProcess) {
    this.#server = server
    try {
      writeFileSync(`/proc/${server.child.pid}/clear_refs`, '5')
    } catch (error) {
      throw new CannotProvoke(`the peak of a process's memory cannot be reset: ${String(error)}`)
    }
    this.#before = server.rss / 1e6
  }

  /** The highest, MB. */
  get highest (): number {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${this.#server.child.pid}/status`, 'utf8'))![1]) * 1024 / 1e6
  }

  /** MB above what there was. */
  get growth (): number {
    return this.highest - this.#before
  }
}

export function p99 (values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.ceil(values.length * 0.99) - 1] ?? 0
}
