import { readFileSync } from 'node:fs'

/**
 * Begins to watch how busy others keep the machine. Returns a function that tells the share of all cores they took, from 0
 * to 1, or undefined where there is no /proc. Children count as ours once they have ended.
 */
export function watchForeignLoad () {
  const before = read()
  return () => {
    const after = read()
    if (before === undefined || after === undefined) return undefined
    const busy = after.busy - before.busy
    const own = after.own - before.own
    return Math.max(0, busy - own) / (busy + after.idle - before.idle)
  }
}

/** In ticks of the kernel's clock. */
function read () {
  try {
    const [user, nice, system, idle, iowait, irq, softirq, steal] = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0].split(/\s+/).slice(1).map(Number)
    // The fields after the program's name, which may contain spaces: times of this process and of its ended children.
    const fields = readFileSync('/proc/self/stat', 'utf8').replace(/^.*\) /s, '').split(' ')
    const own = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
    return { busy: user + nice + system + irq + softirq + steal, idle: idle + iowait, own }
  } catch {
    return undefined
  }
}
