import { watchForeignLoad } from './foreign-load.js'
import { isAvailable } from './peers.js'
import { spreadOf } from './stats.js'

/** Who takes part in a quick run. */
const QUICK_PEERS = ['bare', 'ours', 'channels']

/**
 * @typedef {object} Settings
 * @property {'full' | 'quick' | 'smoke'} size
 * @property {number} rounds unless a workload wants fewer
 * @property {number} [fixedRounds] whatever a workload wants
 * @property {number} budget CPU time of one round, in microseconds
 * @property {boolean} isWarm whether a round that does not count comes first
 * @property {string} [profileTo] a directory for CPU profiles of every round and server
 */

/**
 * Runs a workload: all contestants are warmed up, then they take turns, so that what the machine does besides meets all.
 * @param {any} definition of `workloads.js`
 * @param {Settings} settings
 * @param {(line: string) => void} progress
 */
export async function runWorkload (definition, settings, progress) {
  const foreignLoad = watchForeignLoad()
  const workload = { ...definition, ...definition[settings.size] }
  const contestants = workload.contestants
    .filter(({ peer }) => isAvailable(peer) && (settings.size !== 'quick' || QUICK_PEERS.includes(peer)))
    .map(contestant => ({ key: contestant.peer, ...contestant, samples: [] }))
  await Promise.all(contestants.map(async contestant => { contestant.measure = await workload.create(workload, contestant, settings) }))
  for (const { measure } of contestants) await measure.warmUp()
  const rounds = settings.fixedRounds ?? Math.min(settings.rounds, workload.rounds ?? Infinity)
  for (let round = 0; round < rounds; round++) {
    for (const { key, measure, samples } of contestants) {
      const sample = await measure.round()
      samples.push(sample)
      progress(`${workload.name} ${round + 1}/${rounds} ${key} ${JSON.stringify(sample, round3)}`)
    }
  }
  await Promise.all(contestants.map(({ measure }) => measure.end()))
  return { ...summarize(workload, contestants), foreignLoad: foreignLoad() }
}

function summarize ({ name, title, unit, ratio }, contestants) {
  const samplesOf = key => contestants.find(contestant => contestant.key === key)?.samples
  const figures = {}
  for (const { key, samples } of contestants) {
    figures[key] = { ...spreadOf(samples.map(({ figure }) => figure)), deliveries: samples.reduce((sum, { deliveries }) => sum + deliveries, 0) }
    if (samples[0].p99 !== undefined) figures[key].p99 = spreadOf(samples.map(({ p99 }) => p99)).median
  }
  const [upper, lower] = ratio ?? []
  // Of rounds that were next to each other, so that a slow minute of the machine is in both.
  const ratios = ratio === undefined ? undefined : samplesOf(upper).map(({ figure }, round) => figure / samplesOf(lower)[round].figure)
  return { name, title, unit, rounds: contestants[0].samples.length, figures, ratio: ratios && { of: `${upper} : ${lower}`, ...spreadOf(ratios) } }
}

function round3 (_key, value) {
  return typeof value === 'number' ? Math.round(value * 1_000) / 1_000 : value
}
