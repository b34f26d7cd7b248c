const LASTS = 3_000 // ms: nobody says that they have stopped

/** Who is typing. */
export class Typing {
  #timers = new Map() // by name
  #text = document.getElementById('room-typing')

  hear (name) {
    clearTimeout(this.#timers.get(name))
    this.#timers.set(name, setTimeout(() => this.forget(name), LASTS))
    this.#show()
  }

  forget (name) {
    clearTimeout(this.#timers.get(name))
    if (this.#timers.delete(name)) this.#show()
  }

  clear () {
    for (const name of [...this.#timers.keys()]) this.forget(name)
  }

  #show () {
    const names = [...this.#timers.keys()]
    if (names.length > 2) this.#text.textContent = 'Several people are typing …'
    else this.#text.textContent = names.length === 0 ? '' : `${names.join(' and ')} ${names.length === 1 ? 'is' : 'are'} typing …`
  }
}
