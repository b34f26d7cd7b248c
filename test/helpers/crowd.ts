import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { Worker } from 'node:worker_threads'

export interface CrowdReport {
  readonly opened: number
  readonly closed: number
  /** Messages received by all clients together. */
  readonly received: number
}

/** Many real clients that answer pings, in a thread of their own. */
export class Crowd {
  readonly #worker: Worker

  constructor (worker: Worker) {
    this.#worker = worker
  }

  /** Connects them all. */
  static async connect (t: TestContext, url: string, count: number, token = 'alice'): Promise<Crowd> {
    const worker = new Worker(new URL('./crowd-worker.js', import.meta.url), { workerData: { url, count, token } })
    t.after(() => worker.terminate())
    const crowd = new Crowd(worker)
    await crowd.until(({ opened }) => opened === count)
    return crowd
  }

  async until (isReached: (report: CrowdReport) => boolean): Promise<CrowdReport> {
    for (;;) {
      const [report] = await once(this.#worker, 'message') as [CrowdReport]
      if (isReached(report)) return report
    }
  }

  async report (): Promise<CrowdReport> {
    this.tell('report')
    return this.until(() => true)
  }

  tell (command: 'report' | 'reset' | 'terminate' | 'close'): void {
    this.#worker.postMessage(command)
  }
}
