// Anything can be thrown, also what throws again when somebody looks at it.

interface Log {
  warn (bindings: object, message: string): void
  error (bindings: object, message: string): void
}

/** Logs what was thrown; if that cannot be logged, that it was. */
export function logThrown (log: Log, level: 'warn' | 'error', error: unknown, message: string, bindings: object = {}): void {
  try {
    log[level]({ ...bindings, err: error }, message)
  } catch {
    log[level](bindings, `${message}, with something that cannot be logged`)
  }
}

/** `error instanceof type`, but a proxy cannot throw here. */
export function isThrown<T> (error: unknown, type: abstract new (...args: never[]) => T): error is T {
  try {
    return error instanceof type
  } catch {
    return false
  }
}
