/** @param {number[]} values */
export function median (values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** @param {number[]} values */
export function spreadOf (values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) }
}

/** Three digits that matter: 0.123, 1.23, 12.3, 123. */
export function digits (value) {
  const size = Math.abs(value)
  return value.toFixed(size < 1 ? 3 : size < 10 ? 2 : size < 100 ? 1 : 0)
}
