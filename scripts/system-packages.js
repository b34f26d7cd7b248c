// Runs before the tests: what they need that npm does not bring, a browser and a WebSocket client in Python. Says
// nothing when it is there, and installs what is missing where this may be done: on Debian and Ubuntu, by root.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const needs = [
  {
    // Started, not only looked for: on Ubuntu the executable may be a stub that asks for a snap.
    isThere: () => runs(process.env.CHROMIUM_PATH || '/usr/bin/chromium', '--version'),
    debianPackage: 'chromium',
    advice: 'Chromium as /usr/bin/chromium, or elsewhere with its path in CHROMIUM_PATH (on Ubuntu, whose own is a snap, any other build of it)'
  },
  {
    // The same candidates as in test/helpers/python.ts: a Python put in front of the system's has packages of its own.
    isThere: () => ['/usr/bin/python3', 'python3'].some(python => runs(python, '-c', 'import websockets')),
    debianPackage: 'python3-websockets',
    advice: 'Python 3 with its package websockets (python3-websockets, or: python3 -m pip install websockets)'
  }
]

let missing = findMissing()
if (missing.length > 0 && isDebianLike() && process.getuid() === 0) {
  install(missing.map(need => need.debianPackage))
  missing = findMissing()
}
if (missing.length > 0) {
  console.error('The tests need what is not installed here. Please install:')
  for (const { advice } of missing) console.error(`- ${advice}`)
  process.exitCode = 1
}

function findMissing () {
  return needs.filter(need => !need.isThere())
}

function runs (command, ...args) {
  return spawnSync(command, args).status === 0
}

/** Debian, Ubuntu and what is made from them, by the name they give themselves. */
function isDebianLike () {
  try {
    return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(readFileSync('/etc/os-release', 'utf8'))
  } catch {
    return false
  }
}

/** A failure is told by apt-get itself, and not looked at: what is still missing afterwards is what counts. */
function install (packages) {
  console.log(`Installing with apt-get what the tests need: ${packages.join(', ')}`)
  aptGet('update', '-qq')
  // One by one: a package that the system does not offer must not keep the others out.
  for (const name of packages) aptGet('install', '-y', '-qq', '--no-install-recommends', name)
}

function aptGet (...args) {
  const { error } = spawnSync('apt-get', args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  })
  if (error !== undefined) console.error(`apt-get could not be started: ${error.message}`)
}
