const SHOWN = 5

/** Sends a text to the echo route and shows how long it took to come back. */
export class Echo {
  #link
  #sent = [] // echoes come back in the order they were sent
  #list = document.getElementById('echoes')
  #input = document.getElementById('echo-input')
  #error = document.getElementById('echo-error')

  constructor (link) {
    this.#link = link
    link.addEventListener('message', ({ data }) => this.#receive(data))
    // What was on its way when the connection ended does not come back any more.
    link.addEventListener('state', () => { this.#sent.length = 0 })
    document.getElementById('echo-form').addEventListener('submit', event => {
      event.preventDefault()
      this.#send(this.#input.value.trim() || 'ping')
    })
  }

  begin () {
    this.#list.replaceChildren()
    this.#input.value = ''
    this.#error.textContent = ''
  }

  #send (text) {
    const isSent = this.#link.send(text)
    this.#error.textContent = isSent ? '' : 'Not connected, so nothing was sent.'
    if (!isSent) return
    this.#sent.push(performance.now())
    this.#input.value = ''
  }

  #receive (text) {
    const sentAt = this.#sent.shift()
    if (sentAt === undefined) return
    const [item, words, time] = ['li', 'bdi', 'span'].map(tag => document.createElement(tag))
    words.textContent = text
    time.textContent = `${(performance.now() - sentAt).toFixed(1)} ms`
    item.append(words, time)
    this.#list.prepend(item)
    while (this.#list.childElementCount > SHOWN) this.#list.lastElementChild.remove()
  }
}
