const MOST = 200 // messages the log keeps

/** The chat over the broadcast route. The server does not send a message back to its sender, so one's own is shown here. */
export class Chat {
  #link
  #me = null
  #log = document.getElementById('chat-log')
  #messages = document.getElementById('chat-messages')
  #empty = document.getElementById('chat-empty')
  #input = document.getElementById('chat-input')
  #error = document.getElementById('chat-error')

  constructor (link) {
    this.#link = link
    link.addEventListener('message', ({ data }) => this.#receive(data))
    document.getElementById('chat-form').addEventListener('submit', event => {
      event.preventDefault()
      if (this.#say(this.#input.value.trim())) this.#input.value = ''
    })
    // What a page forbids is a courtesy: this shows that it is the server that decides.
    document.getElementById('send-anyway').addEventListener('click', () => this.#send('May I?'))
  }

  /** Begins empty for who has signed in. */
  begin (me) {
    this.#me = me
    this.#messages.replaceChildren()
    this.#empty.hidden = false
    this.#error.textContent = ''
    const isListener = me.role === 'listener'
    document.getElementById('listening').hidden = !isListener
    this.#input.value = ''
    this.#input.disabled = isListener
    this.#input.placeholder = isListener ? 'Listeners do not write' : 'Message to everybody'
    document.getElementById('chat-send').disabled = isListener
    const first = isListener ? this.#log : this.#input
    first.focus({ preventScroll: true })
  }

  #say (text) {
    if (text === '') return false
    const message = this.#send(text)
    if (message !== null) this.#show(message, true)
    return message !== null
  }

  #send (text) {
    const message = { from: this.#me.name, text, at: Date.now() }
    const isSent = this.#link.send(JSON.stringify(message))
    this.#error.textContent = isSent ? '' : 'Not connected, so the message was not sent.'
    return isSent ? message : null
  }

  #receive (data) {
    const message = parse(data)
    if (message !== null) this.#show(message, false)
  }

  /** Others wrote this: it becomes text, never markup. */
  #show ({ from, text, at }, isOwn) {
    const isAtEnd = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < 40
    const item = document.createElement('li')
    const [name, time, body] = ['bdi', 'time', 'p'].map(tag => document.createElement(tag))
    name.textContent = from
    time.textContent = new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
    body.textContent = text
    body.dir = 'auto'
    item.className = isOwn ? 'own' : ''
    item.append(name, time, body)
    this.#messages.append(item)
    while (this.#messages.childElementCount > MOST) this.#messages.firstElementChild.remove()
    this.#empty.hidden = true
    // Whoever has scrolled up to read is left in peace.
    if (isOwn || isAtEnd) this.#log.scrollTop = this.#log.scrollHeight
  }
}

/** The broadcast route passes on whatever its clients send, so what arrives may be anything. */
function parse (data) {
  try {
    const { from, text, at } = JSON.parse(data)
    if (typeof from !== 'string' || typeof text !== 'string' || !Number.isFinite(at)) return null
    return { from: from.slice(0, 32), text: text.slice(0, 500), at }
  } catch {
    return null
  }
}
