import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const PYTHON = '/usr/bin/python3' // the system's own: one put in front of it on the PATH has packages of its own

const node = [process.execPath, '--expose-gc']

/**
 * Who is compared. `routes` is where a chat and an echo are: a path, or an event where all share one path.
 */
export const peers = {
  ours: { title: 'fastify-realtime', argv: [...node, server('ours.js')], routes: { chat: '/ws/broadcast', echo: '/ws/echo', subscriber: '/ws/subscriber' } },
  channels: { title: 'channel clients', argv: [...node, server('ours.js')], options: { channel: 'bench' }, routes: { chat: '/ws/channels' }, protocol: 'channels', channel: 'bench' },
  numbered: { title: 'channel clients with numbers', argv: [...node, server('ours.js')], options: { channel: 'bench' }, routes: { chat: '/ws/channels' }, protocol: 'numbered channels', channel: 'bench' },
  bare: { title: 'bare @fastify/websocket', argv: [...node, server('bare.js')], routes: { chat: '/chat', echo: '/echo' } },
  'socket.io': { title: 'Socket.IO', argv: [...node, server('socket-io.js')], routes: { chat: 'm', echo: 'echo' }, protocol: 'socket.io' },
  crossws: { title: 'crossws', argv: [...node, server('crossws.js')], routes: { chat: '/chat', echo: '/echo' } },
  python: { title: 'Python websockets', argv: [PYTHON, server('python.py')], routes: { chat: '/chat', echo: '/echo' } }
}

export function isAvailable (peer) {
  return peer !== 'python' || pythonVersion() !== undefined
}

/** Of the Python package, where it is installed. */
export function pythonVersion () {
  const { status, stdout } = spawnSync(PYTHON, ['-c', 'import websockets; print(websockets.__version__)'], { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

function server (file) {
  return fileURLToPath(new URL(`../servers/${file}`, import.meta.url))
}
