import { closing } from './closing.ts'
import { framing } from './framing.ts'
import { messages } from './messages.ts'
import type { Row } from './row.ts'

/** RFC 6455, sections 5 and 7, and section 8.1: what a client may send, and what it may not. */
export const frames: readonly Row[] = [...framing, ...messages, ...closing]
