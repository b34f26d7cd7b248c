/** Who a connection belongs to, as `authenticate` found out. */
export interface Principal {
  /** Stable and unique: `disconnect(id)` ends every connection that carries it. */
  readonly id: string
  /**
   * What it may do: `'echo'`, `'broadcast'`, any word of your own routes, `'subscribe:<channel>'`, `'publish:<channel>'`,
   * `'presence:<channel>'`, `'history:<channel>'`. A trailing `*` matches the rest; `'*'` is everything.
   */
  readonly permissions: readonly string[]
  /** Epoch milliseconds at which its connections end with 4401. @default never */
  readonly expiresAt?: number
  /** JSON, shown to others in presence. */
  readonly info?: unknown
}

/** A copy that stays as it is: the registry finds connections by it. */
export function freezePrincipal (principal: Principal): Principal {
  return Object.freeze({ ...principal, permissions: Object.freeze([...principal.permissions]) })
}

/** Whether one of the principal's permissions covers the one asked for. */
export function hasPermission (principal: Principal, permission: string): boolean {
  for (const granted of principal.permissions) {
    if (granted === permission) return true
    if (granted.endsWith('*') && permission.startsWith(granted.slice(0, -1))) return true
  }
  return false
}
