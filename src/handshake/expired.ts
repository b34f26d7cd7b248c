/**
 * Whether an error says that a token has expired, as those of the usual libraries do by their name or code
 * (`TokenExpiredError`, `ERR_JWT_EXPIRED`, `FAST_JWT_EXPIRED`), or in its own words.
 */
export function saysExpired (error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  try {
    const { name, code, message, expired } = error as Record<string, unknown>
    return expired === true || [name, code, message].some(text => typeof text === 'string' && /expired/i.test(text))
  } catch {
    return false // anything can be thrown, also what throws again when one looks at it
  }
}
