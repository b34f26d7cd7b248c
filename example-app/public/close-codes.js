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

/** The Centrifuge protocol says the same with numbers of its own; below 100 are those of its client. */
const sameAs = new Map([
  [1, 1006], [2, 1006], [3, 1009],
  [3001, 1001], [3004, 1011], [3005, 4401], [3008, 1013], [3011, 1012], [3012, 1006], [3013, 4429], [3503, 4403], [3507, 1008]
])

export const steps = {
  backoff: 'The page reconnects by itself, and waits longer each time.',
  soon: 'The page reconnects in a moment.',
  later: 'The page reconnects later.',
  renew: 'The page gets a new token and reconnects.',
  stop: 'The page stops until you try again.'
}

export function meaningOf (code) {
  return codes.get(sameAs.get(code) ?? code) ?? { what: 'The connection was closed.', next: 'backoff' }
}

/** How a connection ended, and what the page does now. */
export function endOf (code, next = meaningOf(code).next) {
  return { words: `${meaningOf(code).what} ${steps[next]}`, code: code < 1_000 ? sameAs.get(code) : code }
}

/** Why a WebSocket did not come about, by the status that a plain request gets; 0 is no answer at all. */
export function notOpened (status) {
  return { words: wordsFor(status), code: 1006 }
}

function wordsFor (status) {
  if (status === 0) return 'The server cannot be reached.'
  if (status === 200) return 'Refused or unreachable: the server knows you, and did not open this route.'
  return `Refused or unreachable: the server answers with ${status}.`
}

/** Fills a <dl> with all of them. */
export function listCodes (list) {
  for (const [code, { what, next }] of codes) {
    const term = document.createElement('dt')
    term.textContent = [code, ...numbersLike(code)].join(', ')
    const words = document.createElement('dd')
    words.textContent = `${what} ${steps[next]}`
    list.append(term, words)
  }
}

function numbersLike (code) {
  return [...sameAs].filter(([number, same]) => same === code && number > 1_000).map(([number]) => number)
}
