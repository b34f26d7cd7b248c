import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { join } from 'node:path'

/** Takes CPU profiles of what is measured, and of nothing else: starting a server would hide it. */
export function createProfiler (directory) {
  const session = new Session()
  let count = 0
  session.connect()

  return {
    async start () {
      await session.post('Profiler.enable')
      await session.post('Profiler.start')
    },
    async stop () {
      const { profile } = await session.post('Profiler.stop')
      writeFileSync(join(directory, `${process.pid}-${++count}.cpuprofile`), JSON.stringify(profile))
    }
  }
}
