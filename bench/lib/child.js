import { spawn, spawnSync } from 'node:child_process'
import { cpus } from 'node:os'
import { readJsonLines } from './json-lines.js'

/** Whether processes can be given a core each; elsewhere they share what there is and the figures are noisier. */
export const canPin = process.platform === 'linux' && cpus().length > 1 && spawnSync('taskset', ['--version']).status === 0

export const SERVER_CORE = 0
export const LOAD_CORE = 1

let isPinning = false

/** From now on processes get their cores; this one goes beside the load, so that it does not disturb the server. */
export function beginPinning () {
  isPinning = canPin
  if (canPin) spawnSync('taskset', ['-cp', String(LOAD_CORE), String(process.pid)])
}

/** A process that answers commands and tells events, both as JSON lines. */
export class Child {
  #process
  #calls = new Map()
  #listeners = new Map()
  #lastId = 0
  #failure

  /**
   * @param {number} core
   * @param {string[]} argv the program and its arguments
   */
  constructor (core, argv) {
    const [program, ...args] = isPinning ? ['taskset', '-c', String(core), ...argv] : argv
    this.#process = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#process.stdin.on('error', () => {}) // told by 'exit'
    this.#process.on('error', error => this.#fail(error))
    this.#process.on('exit', code => this.#fail(new Error(`${argv[1]} has ended (${code})`)))
    readJsonLines(this.#process.stdout, message => this.#onMessage(message))
  }

  /** Where the kernel tells about it; `taskset` has become the program by now. */
  get pid () {
    return this.#process.pid
  }

  /** Resolves with the result of a command. */
  call (command, parameters = {}) {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject })
      this.#write({ id, command, ...parameters })
    })
  }

  /** Sends a command that nobody waits for. */
  tell (command, parameters) {
    this.#write({ command, ...parameters })
  }

  on (event, listener) {
    this.#listeners.set(event, listener)
  }

  /** Resolves with the next event of that name. */
  once (event) {
    return new Promise((resolve, reject) => {
      this.#calls.set(event, { reject })
      this.on(event, message => {
        this.#calls.delete(event)
        resolve(message)
      })
    })
  }

  /** Ends the process by its own `exit`, which lets a profiler write what it has seen. */
  async end () {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const gone = new Promise(resolve => { this.#process.once('exit', resolve) })
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), 10_000)
    this.#process.stdin.end()
    await gone
    clearTimeout(timer)
  }

  #write (message) {
    this.#process.stdin.write(JSON.stringify(message) + '\n')
  }

  #onMessage ({ id, event, result, error, ...details }) {
    if (event !== undefined) {
      this.#listeners.get(event)?.(details)
      return
    }
    if (id === undefined) throw new Error(error)
    const { resolve, reject } = this.#calls.get(id)
    this.#calls.delete(id)
    if (error === undefined) resolve(result)
    else reject(new Error(error))
  }

  #fail (error) {
    this.#failure = error
    for (const { reject } of this.#calls.values()) reject(error)
    this.#calls.clear()
  }
}
