import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
const TIME_LIMIT = 120_000 // ms: what hangs fails instead of holding up the whole run

interface Outcome {
  readonly stdout: string
  readonly stderr: string
  /** null when it had to be killed. */
  readonly exitCode: number | null
}

function run (cwd: string, command: string, ...args: string[]): Promise<Outcome> {
  // Empty, because the coverage of other people's programs is of no interest and takes its time.
  const env = { ...process.env, NODE_V8_COVERAGE: '' }
  return new Promise(resolve => {
    const child = execFile(command, args, { cwd, env, timeout: TIME_LIMIT }, (_error, stdout, stderr) => {
      resolve({ stdout, stderr, exitCode: child.exitCode })
    })
  })
}

async function succeed (cwd: string, command: string, ...args: string[]): Promise<string> {
  const { stdout, stderr, exitCode } = await run(cwd, command, ...args)
  assert.equal(exitCode, 0, `${command} ${args.join(' ')}\n${stdout}\n${stderr}`)
  return stdout
}

/** What both kinds of modules do with the plugin. */
const echoes = `
async function main () {
  const app = Fastify()
  app.register(realtime, { auth: { authenticate: token => token === 'alice' ? { id: token, permissions: ['echo'] } : null } })
  await app.ready()
  const socket = await app.injectWS('/ws/echo', { headers: { authorization: 'Bearer alice' } })
  const reply = new Promise(resolve => socket.once('message', resolve))
  socket.send('hello')
  if (String(await reply) !== 'hello' || CloseCode.GoingAway !== 1001) throw new Error('Not what was expected')
  socket.terminate()
  await app.close()
  console.log('ok')
}
main()
`

const sources = {
  'package.json': '{ "name": "consumer", "version": "1.0.0", "private": true, "type": "module" }',
  'esm.mjs': `
import Fastify from 'fastify'
import realtime, { CloseCode } from 'fastify-realtime'
${echoes}`,
  'commonjs.cjs': `
const Fastify = require('fastify')
const { default: realtime, CloseCode } = require('fastify-realtime')
${echoes}`,
  'bundled.ts': `
import { UnauthorizedError } from 'fastify-realtime'

export const status: 401 | undefined = new UnauthorizedError().statusCode
// @ts-expect-error: it is a class
export const text: string = UnauthorizedError
`,
  'right.ts': `
import { Type } from '@sinclair/typebox'
import Fastify from 'fastify'
import realtime, { CloseCode, type Connection, type Principal } from 'fastify-realtime'

const app = Fastify()
await app.register(realtime, {
  auth: { authenticate: token => token === 'alice' ? { id: token, permissions: ['*'] } : null },
  heartbeat: { interval: 30_000 }
})
app.realtime.route({ url: '/move', message: Type.Object({ x: Type.Number() }) }, {
  message: (connection, { x }) => ({ by: connection.principal.id, x: x.toFixed(1) })
})
app.get('/own', { websocket: true, preHandler: app.realtime.requires('own') }, (socket, request) => {
  const connection: Connection = app.realtime.accept(socket, request)
  const principal: Principal | null = request.principal
  socket.on('message', data => connection.send(principal?.id + data.toString()))
  if (principal === null) connection.close(CloseCode.PolicyViolation)
})
app.get('/me', async request => request.principal?.id ?? 'nobody')
`,
  'wrong.ts': `
import { Type } from '@sinclair/typebox'
import Fastify from 'fastify'
import realtime from 'fastify-realtime'

const app = Fastify()
await app.register(realtime, { auth: false, hartbeat: false })
app.realtime.route({ url: '/move', message: Type.Object({ x: Type.Number() }) }, {
  message (_connection, { x }) { const text: string = x }
})
app.get('/own', { websocket: true }, (socket, request) => {
  const n: number = socket
  request.principal.id
})
`
}

describe('the package, packed and installed', { concurrency: true }, () => {
  let folder: string
  let consumer: string
  let packed: string[]

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fastify-realtime-'))
    // Built already when the whole test run does its work: building again would pull dist/ away under other tests.
    if (!existsSync(join(root, 'dist/index.js'))) await succeed(root, 'npm', 'run', 'build')
    const [{ filename, files }] = JSON.parse(await succeed(root, 'npm', 'pack', '--ignore-scripts', '--json', '--pack-destination', folder))
    packed = files.map(({ path }: { path: string }) => path)

    consumer = join(folder, 'consumer')
    await mkdir(consumer)
    await Promise.all(Object.entries(sources).map(([name, source]) => writeFile(join(consumer, name), source.trimStart())))
    await succeed(consumer, 'npm', 'install', join(folder, filename), 'fastify', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts')
  }, { timeout: 2 * TIME_LIMIT })

  after(() => rm(folder, { recursive: true, force: true }))

  test('contains the built modules with their types, package.json, README and licence, and nothing else', () => {
    const isModule = (path: string) => /^dist\/.+\.(js|d\.ts)$/.test(path)
    assert.deepEqual(packed.filter(path => !isModule(path)).sort(), ['LICENSE', 'README.md', 'package.json'])
    const modules = packed.filter(isModule)
    assert.ok(modules.includes('dist/index.js'))
    assert.deepEqual(
      modules.filter(path => path.endsWith('.js')).map(path => path.replace('.js', '.d.ts')).sort(),
      modules.filter(path => path.endsWith('.d.ts')).sort()
    )
  })

  test('works when imported', async () => {
    assert.equal(await succeed(consumer, process.execPath, 'esm.mjs'), 'ok\n')
  })

  test('works when required by CommonJS', async () => {
    assert.equal(await succeed(consumer, process.execPath, 'commonjs.cjs'), 'ok\n')
  })

  test('has types with which a strict TypeScript application compiles, with nothing else installed', async () => {
    assert.equal(await succeed(consumer, process.execPath, ...compile('right.ts')), '')
  })

  test('has types that a bundler resolves, down to the errors', async () => {
    const options = ['--module', 'esnext', '--moduleResolution', 'bundler', '--types', 'node']
    const { stdout } = await run(consumer, process.execPath, tsc, '--noEmit', '--strict', ...options, '--target', 'es2022', 'bundled.ts')
    assert.deepEqual(stdout.split('\n').filter(line => /^bundled|fastify-realtime/.test(line)), [])
  })

  test('has types that find the mistakes of an application', async () => {
    const { stdout, exitCode } = await run(consumer, process.execPath, ...compile('wrong.ts'))
    assert.notEqual(exitCode, 0)
    const errors = [...stdout.matchAll(/^(\S+)\((\d+),\d+\): error TS\d+: (.*)$/gm)].map(([, file, line]) => `${file}:${line}`)
    assert.deepEqual(errors, linesOf('wrong.ts', ['hartbeat', 'const text', 'const n', 'principal.id']), stdout)
  })
})

function compile (file: string): string[] {
  return [tsc, '--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', file]
}

/** Where the mistakes are, as the compiler names the places. */
function linesOf (file: keyof typeof sources, mistakes: readonly string[]): string[] {
  const lines = sources[file].trimStart().split('\n')
  return mistakes.map(mistake => `${file}:${lines.findIndex(line => line.includes(mistake)) + 1}`)
}
