import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { nodeIn } from './server-process.ts'

export interface PeersOptions {
  readonly url: string
  readonly count: number
  readonly token: string
  /** The address to connect from. */
  readonly localAddress?: string | undefined
  /** A network namespace to run in. */
  readonly namespace?: string | undefined
}

export interface PeersReport {
  readonly opened: number
  readonly closed: number
  /** How often each close code was seen. */
  readonly closeCodes: Readonly<Record<string, number>>
}

/** Clients that read and answer pings, in a process that can be stopped and continued. */
export class PeerProcess {
  readonly #child: ChildProcess

  private constructor (child: ChildProcess) {
    this.#child = child
  }

  /** Connects them all. */
  static async start (t: TestContext, { namespace, ...options }: PeersOptions): Promise<PeerProcess> {
    const child = fork(new URL('./peers.ts', import.meta.url), [JSON.stringify(options)], nodeIn(namespace, ['--import', 'tsx']))
    t.after(() => { child.kill('SIGKILL') })
    const peers = new PeerProcess(child)
    await peers.until(({ opened }) => opened === options.count)
    return peers
  }

  async until (isReached: (report: PeersReport) => boolean): Promise<PeersReport> {
    for (;;) {
      const [report] = await once(this.#child, 'message') as [PeersReport]
      if (isReached(report)) return report
    }
  }

  async report (): Promise<PeersReport> {
    this.#child.send('report')
    return this.until(() => true)
  }

  signal (name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(name)
  }
}
