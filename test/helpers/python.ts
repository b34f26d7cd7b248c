import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

export interface PythonResult {
  readonly stdout: string
  readonly stderr: string
  /** null when it had to be killed. */
  readonly exitCode: number | null
}

const TIME_LIMIT = 30_000 // ms: a script that hangs fails its test instead of the whole run

// The system's own comes first: a Python put in front of it on the PATH has packages of its own.
const candidates = ['/usr/bin/python3', 'python3']

/** The Python that can import `websockets`. */
export const python = findPython()

function findPython (): string {
  const found = candidates.find(path => spawnSync(path, ['-c', 'import websockets']).status === 0)
  if (found === undefined) throw new Error('No Python with the package "websockets": run `node scripts/system-packages.js`')
  return found
}

/** Runs a script to its end. */
export async function runPython (script: URL, args: readonly string[]): Promise<PythonResult> {
  const child = spawn(python, [fileURLToPath(script), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIME_LIMIT,
    // The server is on the loopback interface, where a proxy of the environment could not find it.
    env: { ...process.env, no_proxy: '*' }
  })
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { stdout, stderr, exitCode: child.exitCode }
}
