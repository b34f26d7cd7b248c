import { isAtEnd, messageItem } from './message-item.js'

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

  #show (message, isOwn) {
    const follows = isOwn || isAtEnd(this.#log)
    this.#messages.append(messageItem({ ...message, isOwn }))
    while (this.#messages.childElementCount > MOST) this.#messages.firstElementChild.remove()
    this.#empty.hidden = true
    if (follows) this.#log.scrollTop = this.#log.scrollHeight
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
