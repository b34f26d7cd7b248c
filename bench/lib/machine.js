import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, type } from 'node:os'
import { fileURLToPath } from 'node:url'
import { pythonVersion } from './peers.js'

const root = new URL('../../', import.meta.url)
const packages = ['fastify', '@fastify/websocket', 'ws', 'socket.io', 'crossws']

/** What the figures depend on. */
export function machine () {
  const versions = Object.fromEntries(packages.map(name => [name, versionOf(name)]))
  const python = pythonVersion()
  if (python !== undefined) versions['Python websockets'] = python
  return {
    cpu: cpus()[0].model,
    cores: cpus().length,
    node: process.version,
    platform: `${type()} ${release()}`,
    versions,
    date: new Date().toISOString().slice(0, 10),
    commit: commit()
  }
}

/** Read from the file, because not every package exports its package.json. */
function versionOf (name) {
  return JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, root), 'utf8')).version
}

function commit () {
  try {
    const git = (...args) => execFileSync('git', args, { cwd: fileURLToPath(root), encoding: 'utf8' }).trim()
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', 'src') === '' ? '' : ', with changes to src')
  } catch {
    return 'unknown'
  }
}
