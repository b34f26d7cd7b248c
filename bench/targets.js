/**
 * What has to be reached, from the project's performance targets: a ratio of two peers, or a figure of ours. `atLeast` and
 * `atMost` say in which direction.
 * @type {Record<string, { of: 'ratio' | 'ours', atLeast?: number, atMost?: number }>}
 */
export const targets = {
  'push-1': { of: 'ratio', atLeast: 1.2 },
  'push-32': { of: 'ratio', atLeast: 25 },
  'chat-200': { of: 'ratio', atLeast: 18 },
  'chat-1000': { of: 'ratio', atLeast: 40 },
  'echo-1': { of: 'ratio', atLeast: 1 },
  'echo-16': { of: 'ratio', atLeast: 2.5 },
  'push-deflate': { of: 'ratio', atLeast: 6 },
  'channels-1': { of: 'ratio', atMost: 1.1 },
  'channels-32': { of: 'ratio', atMost: 1.1 },
  'channel-memory': { of: 'ours', atMost: 2 },
  presence: { of: 'ours', atMost: 50 },
  resume: { of: 'ours', atMost: 2_000 },
  'resume-block': { of: 'ours', atMost: 50 },
  memory: { of: 'ratio', atMost: 1.2 },
  heartbeat: { of: 'ours', atMost: 25 }
}

/** Judges the medians of a workload: the target in words, and by how much it was met or missed. */
export function judge (name, { ratio, ours }) {
  const target = targets[name]
  if (target === undefined) return undefined
  const value = target.of === 'ratio' ? ratio : ours
  const isMet = target.atLeast === undefined ? value <= target.atMost : value >= target.atLeast
  const bound = target.atLeast ?? target.atMost
  return {
    isMet,
    target: `${target.atLeast === undefined ? 'at most' : 'at least'} ${bound}`,
    verdict: isMet ? 'met' : `**missed** by ${Math.abs(value / bound - 1).toLocaleString('en', { style: 'percent', maximumFractionDigits: 0 })}`
  }
}
