import { spawnSync } from 'node:child_process'
import type { TestContext } from 'node:test'
import { CannotProvoke } from './fault.ts'

/** A network of its own, with nothing but a loopback interface, deleted when the test ends. */
export class Namespace {
  readonly name = `fastify-realtime-${process.pid}`

  /** @throws CannotProvoke where this may not be done */
  static create (t: TestContext): Namespace {
    if (process.getuid?.() !== 0) throw new CannotProvoke('a network namespace needs root')
    const namespace = new Namespace()
    mustRun('ip', ['netns', 'add', namespace.name])
    t.after(() => { spawnSync('ip', ['netns', 'delete', namespace.name]) })
    namespace.#run('ip', 'link', 'set', 'lo', 'up')
    // Looked for before the row begins: a namespace without it proves nothing.
    namespace.#run('iptables', '-L')
    return namespace
  }

  /** From now on nothing goes to this address nor comes from it, and nobody is told: no FIN, no RST. */
  cutOff (address: string): void {
    this.#run('iptables', '-A', 'INPUT', '-s', address, '-j', 'DROP')
    this.#run('iptables', '-A', 'INPUT', '-d', address, '-j', 'DROP')
  }

  #run (command: string, ...args: string[]): void {
    mustRun('ip', ['netns', 'exec', this.name, command, ...args])
  }
}

function mustRun (command: string, args: string[]): void {
  const { error, status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (error !== undefined) throw new CannotProvoke(`${command} (Debian's packages iproute2 and iptables) does not start: ${error.message}`)
  if (status !== 0) throw new CannotProvoke(`"${command} ${args.join(' ')}" failed: ${stderr.trim()}`)
}
