import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'

export interface ServerOptions {
  /** Options of the plugin, as far as JSON can say them. */
  readonly realtime?: object
  readonly logLevel?: string
  /** Ms that authenticate takes; negative: it never answers. */
  readonly authDelay?: number
  /** Ms that `open` of /counted takes. */
  readonly openDelay?: number
  /** Options of Node's HTTP server. */
  readonly http?: object
  /** Arguments for Node itself, as `--max-old-space-size=128`. */
  readonly execArgv?: readonly string[]
  /** A network namespace to run in. */
  readonly namespace?: string | undefined
}

/** How to fork a Node process, within a network namespace if one is named: `ip netns exec` becomes the process that it starts. */
export function nodeIn (namespace: string | undefined, execArgv: readonly string[]): { execPath: string, execArgv: string[] } {
  if (namespace === undefined) return { execPath: process.execPath, execArgv: [...execArgv] }
  return { execPath: 'ip', execArgv: ['netns', 'exec', namespace, process.execPath, ...execArgv] }
}

/** The server under attack, seen from outside. */
export class ServerProcess {
  readonly child: ChildProcess
  readonly port: number
  /** Everything it has written to stdout and stderr. */
  output = ''
  #commands = 0

  private constructor (child: ChildProcess, port: number) {
    this.child = child
    this.port = port
  }

  static async start (t: TestContext, { execArgv = [], namespace, ...options }: ServerOptions = {}): Promise<ServerProcess> {
    const child = fork(new URL('./server.ts', import.meta.url), [JSON.stringify(options)], {
      ...nodeIn(namespace, [...execArgv, '--import', 'tsx']),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc']
    })
    t.after(() => { child.kill('SIGKILL') })
    const early: string[] = []
    const keep = (chunk: Buffer) => early.push(chunk.toString())
    child.stdout!.on('data', keep)
    child.stderr!.on('data', keep)
    const [{ port }] = await once(child, 'message') as [{ port: number }]
    const server = new ServerProcess(child, port)
    server.output = early.join('')
    for (const stream of [child.stdout!, child.stderr!]) stream.off('data', keep).on('data', (chunk: Buffer) => { server.output += chunk.toString() })
    return server
  }

  get url (): string {
    return `ws://127.0.0.1:${this.port}`
  }

  async ask<T = unknown> (command: 'stats' | 'publish' | 'disconnect' | 'close' | 'timers' | 'heap' | 'longestBlock', argument?: unknown): Promise<T> {
    const id = ++this.#commands
    this.child.send({ id, command, argument })
    for (;;) {
      const [message] = await once(this.child, 'message') as [{ id: number, answer: T }]
      if (message.id === id) return message.answer
    }
  }

  /** Resident memory, bytes. */
  get rss (): number {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.child.pid}/status`, 'utf8'))![1]) * 1024
  }

  /** Open TCP sockets, the listening one included: the truth, whatever the registry says. */
  get sockets (): number {
    return readdirSync(`/proc/${this.child.pid}/fd`, { withFileTypes: false }).length
  }
}
