/** A message as a line of a log. Others wrote this: it becomes text, never markup. */
export function messageItem ({ from, text, at, isOwn }) {
  const item = document.createElement('li')
  const [name, time, body] = ['bdi', 'time', 'p'].map(tag => document.createElement(tag))
  name.textContent = from
  time.textContent = new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
  body.textContent = text
  body.dir = 'auto'
  item.className = isOwn ? 'own' : ''
  item.append(name, time, body)
  return item
}

/** Whoever has scrolled up to read is left in peace. */
export function isAtEnd ({ scrollHeight, scrollTop, clientHeight }) {
  return scrollHeight - scrollTop - clientHeight < 40
}
