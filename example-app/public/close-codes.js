/**
 * What each close code means to whoever looks at the page, and what the page does next:
 * 'backoff' waits longer after each failure, 'soon' waits a moment, 'later' waits long, 'renew' gets a new token first,
 * 'stop' waits for a decision of the user.
 */
const codes = new Map([
  [1001, { what: 'The server is shutting down.', next: 'backoff' }],
  [1006, { what: 'The connection was lost without a word, or never came about.', next: 'backoff' }],
  [1008, { what: 'You did something you may not do here.', next: 'stop' }],
  [1009, { what: 'A message was too large.', next: 'stop' }],
  [1011, { what: 'Something failed on the server.', next: 'backoff' }],
  [1012, { what: 'The server asks its clients to connect anew.', next: 'soon' }],
  [1013, { what: 'This page could not keep up, or the server is too busy.', next: 'backoff' }],
  [4401, { what: 'Your sign-in had run out.', next: 'renew' }],
  [4403, { what: 'Your access was revoked.', next: 'stop' }],
  [4429, { what: 'Too many messages in a short time.', next: 'later' }]
])

export const steps = {
  backoff: 'The page reconnects by itself, and waits longer each time.',
  soon: 'The page reconnects in a moment.',
  later: 'The page reconnects later.',
  renew: 'The page signs in again and reconnects.',
  stop: 'The page stops until you try again.'
}

export function meaningOf (code) {
  return codes.get(code) ?? { what: 'The connection was closed.', next: 'backoff' }
}

/** Fills a <dl> with all of them. */
export function listCodes (list) {
  for (const [code, { what, next }] of codes) {
    const term = document.createElement('dt')
    term.textContent = code
    const words = document.createElement('dd')
    words.textContent = `${what} ${steps[next]}`
    list.append(term, words)
  }
}
